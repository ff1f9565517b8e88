"""The job's Python and disks, by doctor's own checks, before the job is there."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from toolspec.backends.launch.bounded import bounded
from toolspec.backends.verl.doctor import machine
from toolspec.backends.verl.doctor.checks import packages, python
from toolspec.backends.verl.doctor.gather import LIST_PACKAGES, disk, gpus, read_interpreter, together
from toolspec.backends.verl.doctor.needs import Needs
from toolspec.backends.verl.doctor.snapshot import Absent, Disk, Interpreter, Line, Snapshot
from toolspec.backends.verl.doctor.storage import checkpoints, run_folder
from toolspec.backends.verl.emit.job_files import setup_lines
from toolspec.compiler.plan.decision import Plan
from toolspec.specs.problem import Problem, Span

Place = Callable[[str], Span | None]
SECONDS = 20.0
SETUP = "cluster.slurm.setup"
_NOT_LOOKED_AT = Absent("not looked at")


def job_environment(plan: Plan, needs: Needs, place: Place, here: bool = False) -> Iterator[Problem]:
    """What doctor says of the Python that `python3` is behind `cluster.slurm`'s modules and setup.

    They are run here as on the node; a container's Python cannot be looked at from outside. here: a run on this
    machine, which has none of them.
    """
    span = place(SETUP) or place("cluster.slurm")
    if not here and "cluster.slurm.container.image" in plan:
        message = f"the Python inside {plan['cluster.slurm.container.image']} is not looked at from here"
        yield Problem("TS947", "job-environment", message, span, SETUP, severity="note")
        return
    found = interpreter_after([] if here else setup_lines(plan))
    if isinstance(found, str):
        why = "" if here else "the same lines run on the node before verl"
        yield Problem("TS947", "job-environment", found, span, SETUP, why)
        return
    if "verl" not in found.packages:
        message = f"python3 is {found.executable} here, and has no verl"
        fix = "lines under cluster.slurm.setup that lead to it: source ~/verl/bin/activate, say"
        if here:
            fix = "activate verl's environment first"
        yield Problem("TS947", "job-environment", message, span, SETUP, "verl would not start", fix)
        return
    seen = _snapshot(found, {})
    lines = [line for check in (python, packages) for line in check(needs, seen)]
    for state in ("error", "warning"):
        wrong = [line for line in lines if line.state == state]
        if wrong:
            yield _folded(wrong, found, state, span)


def _folded(
    wrong: Sequence[Line], found: Interpreter, state: Literal["error", "warning"], span: Span | None
) -> Problem:
    """What doctor finds of one severity, as one problem: the first in full, the others by name."""
    first, *rest = wrong
    more = f"; and {len(rest)} more: {', '.join(line.name for line in rest)}" if rest else ""
    message = f"{found.executable}: {_one(first)}{more}"
    fix = first.fix if not rest else f"toolspec doctor --python {found.executable} has all with their repairs"
    return Problem("TS947", "job-environment", message, span, SETUP, first.why, fix, state)


def _one(line: Line) -> str:
    return line.found if line.found.startswith(line.name) else f"{line.name}: {line.found}"


def disks(needs: Needs, runs: Path, place: Place) -> Iterator[Problem]:
    """Room for the run's folder and its checkpoints."""
    places = {"run folder": runs, **{name: folder for name, folder in needs.folders if name == "checkpoints"}}
    found: dict[str, Disk | Absent] = {}
    for name, folder in places.items():
        try:
            found[name] = disk(folder.resolve())
        except (OSError, StopIteration) as error:
            found[name] = Absent(str(error))
    seen = _snapshot(_NOT_LOOKED_AT, found)
    for check in (checkpoints, run_folder):
        yield from _told(check(needs, seen), "TS949", "disk", place("checkpoint"), "checkpoint")


def gpus_here(needs: Needs, place: Place) -> Iterator[Problem]:
    """For a run on this machine: fewer GPUs than it asks for, other ones, or such that somebody computes on."""
    seen = dataclasses.replace(
        _snapshot(_NOT_LOOKED_AT, {}),
        gpus=together({"gpus": gpus}, SECONDS)["gpus"],
        variables={name: os.environ[name] for name in ("CUDA_VISIBLE_DEVICES",) if name in os.environ},
    )
    path = "cluster.gpus"
    yield from _told(machine.gpus(needs, seen), "TS936", "too-many-nodes", place(path), path)


def _snapshot(interpreter: Interpreter | Absent, disks: dict[str, Disk | Absent]) -> Snapshot:
    """A snapshot of these alone; the checks that are asked here read nothing else."""
    return Snapshot(
        interpreter=interpreter,
        gpus=_NOT_LOOKED_AT,
        disks=disks,
        limits={},
        ports={},
        sessions=_NOT_LOOKED_AT,
        address=_NOT_LOOKED_AT,
        hostname="",
        memory=_NOT_LOOKED_AT,
        now=0.0,
        newest_file=None,
        model=_NOT_LOOKED_AT,
        variables={},
    )


def _told(lines: Iterator[Line], code: str, name: str, span: Span | None, path: str) -> Iterator[Problem]:
    """What doctor finds wrong, as problems."""
    for line in lines:
        if line.state in ("error", "warning"):
            yield Problem(
                code, name, f"{line.name}: {line.found}", span, path, line.why, line.fix, line.state
            )


def interpreter_after(lines: list[str]) -> Interpreter | str:
    """The Python that `python3` is after the lines; a text that says why it cannot be had."""
    script = "\n".join(["set -e", *lines, f"exec python3 -c {shlex.quote(LIST_PACKAGES)}"])
    try:
        if lines and (wrong := _unfinished("\n".join(lines))):
            return f"the setup lines are no whole shell commands: {wrong}"
        done = bounded(["bash", "-c", script], SECONDS)
    except subprocess.TimeoutExpired:
        return f"the setup lines take longer than {SECONDS:g} s here"
    except OSError as error:
        return f"bash cannot be run: {error.strerror}"
    what = "the setup lines fail" if lines else "python3 cannot be asked"
    if done.returncode:
        said = _last(done.stderr)
        return f"{what} here with exit code {done.returncode}: {said or 'without a word'}"
    try:
        return read_interpreter(done.stdout.decode("utf-8", "replace"))
    except (ValueError, LookupError, TypeError):
        return f"{what} here: python3 said nothing that can be read"


def _unfinished(text: str) -> str:
    """What bash says of a quote, a block or a here-document that is left open, "" where nothing is.

    What follows in the job's script, and with it verl, would be part of it. Nothing is run.
    """
    if (len(text) - len(text.rstrip("\\"))) % 2:
        return "the last one ends with a backslash"
    return re.sub(
        r"^bash: (-c: )?(warning: )?", "", _last(bounded(["bash", "-n", "-c", text], SECONDS).stderr)
    )


def _last(said: bytes) -> str:
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
