"""What sbatch is given: the options of the spec and of the submission, and the start of the bundle's batch.sh."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from toolspec.backends.verl.emit.job_files import header

Options = Mapping[str, str | int | bool]
ALWAYS = ("comment", "job-name", "output", "array")
"""Options that a script has beside those of its spec."""


class Sent(Protocol):
    """What of a submission the script says. extra: further variables, as `TOOLSPEC_SMOKE`."""

    @property
    def number(self) -> int: ...
    @property
    def nonce(self) -> str: ...
    @property
    def overrides(self) -> tuple[str, ...]: ...
    @property
    def extra(self) -> Mapping[str, str]: ...


def run_script(options: Options, run: Path, submission: Sent) -> str:
    """The script of one run's submission."""
    said = {
        "output": escaped(run / "submissions" / f"{submission.number:04d}.out"),
        "comment": mark(run.name, submission.nonce),
        **options,
    }
    lines = [
        "#!/bin/bash",
        *header(dict(sorted(said.items()))),
        "set -euo pipefail",
        f"export TOOLSPEC_RUN_DIR={shlex.quote(str(run))}",
        *_rest(submission.number, submission),
    ]
    return "\n".join(lines) + "\n"


def array_script(
    options: Options, folder: Path, number: int, submission: Sent, count: int, parallel: int
) -> str:
    """The script of an array: task K is the run of line K + 1 of NUMBER.txt beside it, `SUBMISSION FOLDER`."""
    table = folder / f"{number:04d}.txt"
    said = {
        "array": f"0-{count - 1}%{parallel}",
        "output": escaped(folder / f"{number:04d}-%a.out", keep="%a"),
        "comment": mark(folder.parent.name, submission.nonce),
        **options,
    }
    lines = [
        "#!/bin/bash",
        *header(dict(sorted(said.items()))),
        "set -euo pipefail",
        f'line=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {shlex.quote(str(table))})',
        "export TOOLSPEC_RUN_DIR=${line#* }",
        *_rest("${line%% *}", submission),
    ]
    return "\n".join(lines) + "\n"


def _rest(number: int | str, submission: Sent) -> list[str]:
    words = "".join(f" {shlex.quote(word)}" for word in submission.overrides)
    return [
        f"export TOOLSPEC_SUBMISSION={number}",
        f"export TOOLSPEC_NONCE={submission.nonce}",
        *(f"export {name}={shlex.quote(value)}" for name, value in submission.extra.items()),
        f'exec bash "$TOOLSPEC_RUN_DIR/bundle/batch.sh"{words}',
    ]


def mark(name: str, nonce: str) -> str:
    """The job's comment, by which one that was accepted is found again where its id was lost."""
    return f"toolspec {name} {nonce}"


def escaped(path: Path, keep: str = "") -> str:
    """A path as sbatch's file names have it: a percent sign begins a replacement, and a backslash ends them all.

    keep: a replacement at the end of the name that is meant. Of four backslashes sbatch's quotes take two, slurmd one.
    """
    text = str(path)
    if "\\" in text:
        return text.replace("\\", "\\" * 4)
    text = text.replace("%", "%%")
    return text.replace(f"%{keep}", keep) if keep else text
