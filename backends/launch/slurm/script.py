"""What sbatch is given: the options of the spec and of the submission, and the start of the bundle's batch.sh."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolspec.backends.verl.emit.job_files import header

Options = Mapping[str, str | int | bool]


def run_script(
    options: Options, run: Path, number: int, nonce: str, overrides: Sequence[str], extra: Mapping[str, str]
) -> str:
    """The script of one run's submission. extra: further variables, as `TOOLSPEC_SMOKE`."""
    said = {
        "output": escaped(run / "submissions" / f"{number:04d}.out"),
        "comment": mark(run.name, nonce),
        **options,
    }
    lines = [
        "#!/bin/bash",
        *header(dict(sorted(said.items()))),
        "set -euo pipefail",
        f"export TOOLSPEC_RUN_DIR={shlex.quote(str(run))}",
        *_rest(number, nonce, overrides, extra),
    ]
    return "\n".join(lines) + "\n"


def array_script(
    options: Options,
    folder: Path,
    number: int,
    nonce: str,
    count: int,
    parallel: int,
    extra: Mapping[str, str],
) -> str:
    """The script of an array: task K is the run of line K + 1 of NUMBER.txt beside it."""
    table = folder / f"{number:04d}.txt"
    said = {
        "array": f"0-{count - 1}%{parallel}",
        "output": escaped(folder / f"{number:04d}-%a.out", keep="%a"),
        "comment": mark(folder.parent.name, nonce),
        **options,
    }
    lines = [
        "#!/bin/bash",
        *header(dict(sorted(said.items()))),
        "set -euo pipefail",
        f'TOOLSPEC_RUN_DIR=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {shlex.quote(str(table))})',
        "export TOOLSPEC_RUN_DIR",
        *_rest(1, nonce, (), extra),
    ]
    return "\n".join(lines) + "\n"


def _rest(number: int, nonce: str, overrides: Sequence[str], extra: Mapping[str, str]) -> list[str]:
    words = "".join(f" {shlex.quote(word)}" for word in overrides)
    return [
        f"export TOOLSPEC_SUBMISSION={number}",
        f"export TOOLSPEC_NONCE={nonce}",
        *(f"export {name}={shlex.quote(value)}" for name, value in extra.items()),
        f'exec bash "$TOOLSPEC_RUN_DIR/bundle/batch.sh"{words}',
    ]


def mark(name: str, nonce: str) -> str:
    """The job's comment, by which one that was accepted is found again where its id was lost."""
    return f"toolspec {name} {nonce}"


def escaped(path: Path, keep: str = "") -> str:
    """A path as sbatch's file names have it: a percent sign begins a replacement, and a backslash ends them all.

    keep: a replacement at the end of the name that is meant.
    """
    text = str(path).replace("%", "%%")
    return text.replace(f"%{keep}", keep) if keep else text
