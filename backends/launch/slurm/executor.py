"""submitit's Slurm executor, with the bundle's own job in place of a pickled function.

submitit makes its job of `python -m submitit.core._submit`: that needs submitit and this Python on every node and in
every container, loses a job whose submitter was stopped between sbatch and the rename of a pickle, and turns each exit
code into 1 (1.5.4). The bundle's batch.sh needs none of it, so submitit submits that.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from submitit.core.utils import FailedSubmissionError
from submitit.slurm.slurm import SlurmExecutor, SlurmJob

from toolspec.backends.launch.bounded import bounded
from toolspec.backends.launch.slurm.script import ALWAYS
from toolspec.backends.launch.slurm.variables import for_sbatch

SECONDS = 60.0
"""sbatch itself tries for longer where the controller does not answer. One that was ended may have been accepted."""


_CUT_OFF = re.compile(
    r"timed out|[Zz]ero [Bb]ytes|not connected|reset by peer|Broken pipe|[Uu]nexpected message"
)
"""Of sbatch's answer only: the request went out, and slurmctld, when it is busy, takes the job after all."""


class RefusedError(Exception):
    """sbatch did not take the job. The message is its own. silent: it may have been taken all the same."""

    def __init__(self, message: str, silent: bool = False) -> None:
        super().__init__(message)
        self.silent = silent


class BundleExecutor(SlurmExecutor):
    """script: what sbatch is given, where it lies already; options: those that it says, without dashes.

    Raises RuntimeError where no Slurm is installed.
    """

    def __init__(self, script: Path, options: Mapping[str, str | int | bool]) -> None:
        super().__init__(script.parent)
        self._script, self._options = script, options
        self.parameters["nodes"] = int(options["nodes"])

    def submit_script(self) -> str:
        """Hands the script to sbatch: the job's id. Raises RefusedError.

        In a session of its own, so that a Ctrl-C of the caller's terminal does not end sbatch half way.
        """
        return self._submit_command("").job_id

    def _submit_command(self, command: str) -> SlurmJob[Any]:
        try:
            done = bounded(
                self._make_submission_command(self._script),
                SECONDS,
                for_sbatch(os.environ, (*self._options, *ALWAYS)),
            )
        except subprocess.TimeoutExpired:
            raise RefusedError(f"sbatch did not answer within {SECONDS:g} s", silent=True) from None
        except OSError as error:
            raise RefusedError(f"sbatch cannot be run: {error.strerror}") from None
        if done.returncode:
            said = _words(done.stderr.decode("utf-8", "replace"))
            raise RefusedError(said, silent=_CUT_OFF.search(said) is not None)
        try:
            job = self._get_job_id_from_submission_command(done.stdout)
        except FailedSubmissionError:
            raise RefusedError(f"sbatch said no job id: {done.stdout[:200]!r}", silent=True) from None
        return SlurmJob(folder=self.folder, job_id=job, tasks=list(range(self._num_tasks())))


def _words(said: str) -> str:
    """What sbatch said, without its name in each line."""
    lines = [re.sub(r"^sbatch: (?:error: )?", "", line.strip()) for line in said.splitlines() if line.strip()]
    return "; ".join(dict.fromkeys(lines)) or "sbatch failed without a word"
