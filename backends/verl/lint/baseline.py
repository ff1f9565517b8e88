"""Findings that are known: recorded once, and left out until they are gone.

An entry is told by code, file, what it is about (spec path, else the first key) and message; lines and columns do not
count, so that an edit elsewhere in the file brings nothing back. The same finding twice is an entry with a count.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.verl.written.files import Files
from toolspec.specs.problem import Problem, ProblemError, Span

VERSION = 1


class Mark(NamedTuple):
    """file: relative to the baseline's folder, with slashes, "" for findings without a place."""

    code: str
    file: str
    about: str
    message: str


class Known(NamedTuple):
    """findings: those that are left, with a note for each entry that no longer occurs. number: those left out."""

    findings: tuple[Problem, ...]
    number: int


def mark_of(problem: Problem, folder: Path) -> Mark:
    file = relative(problem.span.file, folder) if problem.span is not None else ""
    about = problem.path or (problem.keys[0] if problem.keys else "")
    # An absolute path in a message is another on each machine.
    message = problem.message.replace(f"{folder.absolute()}{os.sep}", "")
    return Mark(problem.code, file, about, " ".join(message.split()))


def relative(file: str, folder: Path) -> str:
    if file == "--":
        return file
    return Path(os.path.relpath(file, folder)).as_posix()


def read_baseline(file: Path, files: Files) -> Counter[Mark]:
    """Raises ProblemError for a file that is not there or is no baseline."""
    data = files.read(file)
    if data is None:
        raise ProblemError((_wrong(file, f"cannot read {file}: {files.why_not(file)}"),))
    try:
        document: Any = json.loads(data)
        if document["version"] != VERSION:
            raise ProblemError((_wrong(file, f"version {document['version']} of a baseline is not known"),))
        found: Counter[Mark] = Counter()
        for entry in document["findings"]:
            mark = Mark(*(str(entry[name]) for name in Mark._fields))
            found[mark] += int(entry["count"])
        return found
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ProblemError((_wrong(file, f"{file} is no baseline"),)) from None


def _wrong(file: Path, message: str) -> Problem:
    return Problem("TS039", "baseline", message, Span(str(file), 1, 1), fix="record it: --update-baseline")


def leave_out(
    findings: Iterable[Problem],
    baseline: Mapping[Mark, int],
    file: Path,
    linted: Sequence[str],
    loud: frozenset[str],
) -> Known:
    """The findings without the known ones. linted: files whose entries can be gone; of others nothing is known.

    A loud rule's findings stay.
    """
    left: Counter[Mark] = Counter(baseline)
    kept: list[Problem] = []
    number = 0
    for problem in findings:
        mark = mark_of(problem, file.parent)
        if problem.code not in loud and left[mark] > 0:
            left[mark] -= 1
            number += 1
        else:
            kept.append(problem)
    looked_at = {"", *(relative(name, file.parent) for name in linted)}
    for mark, count in sorted(left.items()):
        if count > 0 and (mark.file in looked_at or not _is_there(mark.file, file.parent)):
            times = f" ({count} times)" if count > 1 else ""
            message = f"{mark.code} of {mark.file or 'no file'} no longer occurs{times}: {mark.message}"
            place = Span(str(file), 1, 1)
            kept.append(
                Problem("TS039", "baseline", message, place, fix="--update-baseline", severity="note")
            )
    return Known(tuple(kept), number)


def _is_there(name: str, folder: Path) -> bool:
    return name == "--" or (folder / name).exists()


def as_text(
    findings: Iterable[Problem],
    before: Mapping[Mark, int],
    file: Path,
    linted: Sequence[str],
    loud: frozenset[str],
) -> str:
    """The baseline of these findings: JSON, sorted. Entries of files that were not looked at and are there stay."""
    fresh: Counter[Mark] = Counter(
        mark_of(problem, file.parent) for problem in findings if problem.code not in loud
    )
    looked_at = {"", *(relative(name, file.parent) for name in linted)}
    for mark, count in before.items():
        if mark.file not in looked_at and _is_there(mark.file, file.parent):
            fresh[mark] = max(fresh[mark], count)
    entries = [{**mark._asdict(), "count": count} for mark, count in sorted(fresh.items())]
    return json.dumps({"version": VERSION, "findings": entries}, indent=1, ensure_ascii=False) + "\n"
