"""The folder that a user means by a run's name."""

from __future__ import annotations

import os
from pathlib import Path

from toolspec.backends.launch.report.folder import document, text_of
from toolspec.specs.named_file import UnreadableError, is_folder, located
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError


def find_run(text: str) -> Path:
    """A folder by its path; else the one of that name in $TOOLSPEC_RUNS (./runs), the only one whose name begins so,
    or the one whose run.json has the id, for a folder that was renamed. Raises ProblemError (TS950).
    """
    try:
        path = located(text, Path())
    except UnreadableError as error:
        raise _no_run(f"there is no run {text!r}: {error}", "name a run, or its folder") from None
    if is_folder(path):
        return path
    runs = Path(os.environ.get("TOOLSPEC_RUNS") or "runs")
    names = _names(runs)
    if text in names:
        return runs / text
    begun = [name for name in names if text and name.startswith(text)]
    if len(begun) == 1:
        return runs / begun[0]
    for name in names:
        found = document(runs / name / "run.json", lambda *_: None)
        if found is not None and text_of(found.get("id")) == text:
            return runs / name
    if begun:
        shown = ", ".join(begun[:6]) + (f" and {len(begun) - 6} more" if len(begun) > 6 else "")
        raise _no_run(f"{len(begun)} runs in {runs} begin with {text}: {shown}", "write more of the name")
    close = nearest(text, names)
    there = f"{len(names)} run{'s' * (len(names) > 1)}" if names else "no run"
    fix = f"did you mean {close[0]}?" if close else "name a run's folder, or set TOOLSPEC_RUNS"
    raise _no_run(f"there is no run {text}: no such folder, and {there} in {runs}", fix)


def _names(runs: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(runs) if entry.is_dir() and entry.name != "sweeps")
    except OSError:
        return []


def _no_run(message: str, fix: str) -> ProblemError:
    return ProblemError((Problem("TS950", "no-run", message, fix=fix),))
