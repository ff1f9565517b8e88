"""A run on this machine, by an executor on submitit's base classes.

submitit's own LocalExecutor hides the GPUs, ends a job after two minutes, says exit code 0 of each, and leaves the
processes of a cancelled one behind (1.5.4). This one starts the bundle's launch.sh in a session of its own, under a
supervisor that outlives the caller and its terminal, and keeps the exit code as the run's `ended` event. No time limit.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from submitit.core import core, utils

from toolspec.backends.launch.process import boot_id, started

SUPERVISOR = Path(__file__).with_name("supervise.py")


class Started(NamedTuple):
    """A process: its id, when it started (field 22 of /proc/PID/stat), and the boot of its machine."""

    pid: int
    pid_started: int | None
    boot: str | None


class LocalJob(core.Job[Any]):
    """A supervisor's process group."""

    def cancel(self, check: bool = True) -> None:
        try:
            os.killpg(int(self.job_id), signal.SIGTERM)
        except ProcessLookupError:
            if check:
                raise

    @property
    def state(self) -> str:
        return "RUNNING" if started(int(self.job_id)) is not None else "FINISHED"

    def done(self, force_check: bool = False) -> bool:
        return self.state != "RUNNING"

    def _register_in_watcher(self) -> None:
        """submitit's watcher would ask Slurm."""


class LocalExecutor(core.Executor):
    """Runs one command. environment: its own; log: where its output goes, appended to."""

    job_class = LocalJob

    def __init__(self, run: Path, log: Path, environment: Mapping[str, str]) -> None:
        super().__init__(run)
        self._log, self._environment = log, dict(environment)

    def submit_command(self, command: Sequence[str]) -> Started:
        """Starts it and returns at once. Raises OSError."""
        (job,) = self._internal_process_submissions([utils.DelayedSubmission(list, command)])
        pid = int(job.job_id)
        return Started(pid, started(pid), boot_id() or None)

    def _internal_process_submissions(
        self, delayed_submissions: list[utils.DelayedSubmission]
    ) -> list[core.Job[Any]]:
        jobs: list[core.Job[Any]] = []
        for each in delayed_submissions:
            command = [sys.executable, "-I", str(SUPERVISOR), *each.result()]
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            process.returncode = 0  # it is left to itself: Python need not warn that it still runs
            jobs.append(LocalJob(self.folder, str(process.pid)))
        return jobs
