"""A run from a bundle that stands in its folder: its files, then sbatch or a process of this machine.

What is written before sbatch is enough to find a job again whose id was never written (`adopt`): the submission's nonce
is in the job's comment.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from toolspec.backends.launch.bundle import NAME, RunBundle
from toolspec.backends.launch.create import check_place, place_json, place_text, run_fields
from toolspec.backends.launch.events import write_event
from toolspec.backends.launch.process import user
from toolspec.backends.launch.slurm.ask import by_comment
from toolspec.backends.launch.slurm.script import mark, run_script
from toolspec.backends.launch.slurm.words import fix_of
from toolspec.specs.problem import Problem, ProblemError

VALIDATE_ONLY = ("trainer.val_only=true", "trainer.val_before_train=true")
"""Overrides by which the trainer of each release evaluates the model once and ends (fit of ray_trainer.py and
v1/trainer_base.py)."""


class Submission(NamedTuple):
    """What of a submission is decided before it is made. extra: variables of the job beside the run's own.

    resume: what it takes up: `auto`, or a step. options: of sbatch; {} for a local one. changed: what `resubmit --set`
    changed of the job, which the next resubmission takes over.
    """

    number: int
    nonce: str
    kind: str
    options: Mapping[str, str | int | bool]
    overrides: tuple[str, ...]
    extra: Mapping[str, str]
    resume: str = "auto"
    smoke: bool = False
    validate_only: bool = False
    changed: Mapping[str, Any] = MappingProxyType({})


class Submitted(NamedTuple):
    """job: Slurm's id, or the process id of a local run. cancelled: meanwhile, by another command."""

    run: Path
    job: str
    cancelled: bool = False


def write_run(
    run: Path, bundle: RunBundle, forced: Sequence[Mapping[str, str]], sweep: Mapping[str, Any] | None
) -> None:
    """run.json. Raises OSError."""
    plan = bundle.plan
    hours = plan["budget.gpu_hours"]
    fields = {
        "name": plan.name,
        "spec": str(bundle.spec) if bundle.spec else None,
        "set": list(bundle.sets),
        "verl": plan.target,
        "trainer": plan["train.trainer"],
        "bundle": bundle.digest,
        "nodes": plan["cluster.nodes"],
        "gpus": plan["cluster.gpus"],
        "gpu_hours": hours or None,
        "steps": bundle.steps,
        "every": None if plan["checkpoint.every"] == "never" else plan["checkpoint.every"],
        "store": str((run / "data").resolve()) if (run / "data").exists() else None,
        "forced": list(forced),
        "sweep": sweep,
        "toolspec": _version(),
    }
    place_json(run / "run.json", run_fields(run, fields))


def _version() -> str:
    from toolspec import __version__

    return __version__


def script_of(run: Path, submission: Submission) -> str:
    """What sbatch is given."""
    options = {"job-name": run.name, **submission.options}
    return run_script(options, run, submission)


def submit(run: Path, submission: Submission) -> Submitted:
    """Makes the submission. Raises ProblemError; the run's folder is then as it was but for the script."""
    from toolspec.backends.launch.cancel import withdrawn

    check_place(run)
    try:
        done = _local(run, submission) if submission.kind == "local" else _slurm(run, submission)
        return done._replace(cancelled=bool(withdrawn([run])))
    except OSError as error:
        raise ProblemError((_unwritten(run, error),)) from None


def _unwritten(run: Path, error: OSError) -> Problem:
    what = f"{error.strerror or error}: {error.filename or run}"
    return Problem(
        "TS930",
        "run-folder",
        f"the submission could not be written: {what}",
        fix="free space, or TOOLSPEC_RUNS",
    )


def fields(submission: Submission, **told: Any) -> dict[str, Any]:
    """submissions/NUMBER.json."""
    return {
        "version": 1,
        "number": submission.number,
        "nonce": submission.nonce,
        "kind": submission.kind,
        "submitted": round(time.time(), 3),
        "host": socket.gethostname(),
        "user": user(),
        "job": None,
        "array": None,
        "overrides": list(submission.overrides),
        "resume": submission.resume,
        "smoke": submission.smoke,
        "validate_only": submission.validate_only,
        "parameters": dict(submission.options),
        **({"changed": dict(submission.changed)} if any(submission.changed.values()) else {}),
        **told,
    }


def _slurm(run: Path, submission: Submission) -> Submitted:
    from toolspec.backends.launch.slurm.executor import BundleExecutor, RefusedError

    script = run / "submissions" / f"{submission.number:04d}.sh"
    place_text(script, script_of(run, submission))
    file = script.with_suffix(".json")
    with signals_wait():
        reserve(file, fields(submission))
        try:
            job = BundleExecutor(script, submission.options).submit_script()
        except RefusedError as error:
            found = adopted(run.name, submission.nonce) if error.silent else None
            if found is None:
                if not error.silent:
                    file.unlink(missing_ok=True)
                raise ProblemError((refused(str(error), run, error.silent),)) from None
            job = found
        place_json(file, fields(submission, job=job))
        write_event(run, "submitted", submission, job=job)
    return Submitted(run, job)


def reserve(file: Path, value: Mapping[str, Any], durable: bool = True) -> None:
    """Writes the submission's file, which nobody else may have begun. Raises ProblemError, OSError."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.draft")
    place_json(draft, value, durable)
    try:
        os.link(draft, file)
    except FileExistsError:
        message = f"{file.parent.parent.name} is being submitted by another command"
        raise ProblemError((Problem("TS952", "not-over", message, fix="toolspec status"),)) from None
    finally:
        draft.unlink(missing_ok=True)


def refused(said: str, run: Path, silent: bool) -> Problem:
    """Slurm's own refusal, in its words."""
    if silent:
        fix = f"toolspec status {run.name} looks whether it was taken all the same"
        return Problem("TS931", "slurm-down", f"Slurm did not say whether it took the job: {said}", fix=fix)
    return Problem("TS941", "refused-by-slurm", f"Slurm refused the job: {said}", fix=fix_of(said))


def adopted(name: str, nonce: str) -> str | None:
    """The id of the job that bears the submission's nonce, None where Slurm knows none or does not answer."""
    return by_comment({mark(name, nonce): nonce}).get(nonce)


def _local(run: Path, submission: Submission) -> Submitted:
    from toolspec.backends.launch.local.executor import LocalExecutor

    log = run / "logs" / f"{submission.number:04d}.0.log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SLURM_")},
        "TOOLSPEC_RUN_DIR": str(run),
        "TOOLSPEC_SUBMISSION": str(submission.number),
        "TOOLSPEC_NONCE": submission.nonce,
        "TOOLSPEC_LOG": str(log),
        **submission.extra,
    }
    file = run / "submissions" / f"{submission.number:04d}.json"
    with signals_wait():
        reserve(file, fields(submission))
        command = ["bash", str(run / NAME / "launch.sh"), *submission.overrides]
        started = LocalExecutor(run, log, environment).submit_command(command)
        place_json(file, fields(submission, **started._asdict()))
        write_event(run, "submitted", submission, job=None, pid=started.pid)
    return Submitted(run, str(started.pid))


@contextmanager
def signals_wait() -> Iterator[None]:
    """Ctrl-C and the like come after the block: between sbatch and the note of its job nothing may end."""
    mask = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, mask)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
