"""What is wrong with rows, by kind: one finding names all its rows, so a bad file makes a short report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from toolspec.specs.problem import Problem, ProblemError, Severity

MOST = 20
"""Kinds of problem told at once, in the order met."""
_NAMED = 5

# Codes are never reused.
CODES: Mapping[str, str] = MappingProxyType(
    {
        "missing-column": "TS611",  # a column that the spec names is not in the row
        "row-value": "TS612",  # a value that cannot be used there
        "not-json": "TS613",  # a line or element that is not JSON, or not an object
        "no-rows": "TS614",  # nothing to train or evaluate on
        "mixed-types": "TS615",  # values of several types under one name: parquet holds one a column
        "unreadable-rows": "TS616",  # the file cannot be read or written, or changed meanwhile
        "row-choice": "TS617",  # a warning: two places say something, one counts
        "left-out": "TS618",  # a warning: something of the rows does not reach verl
        "no-answer": "TS619",  # a warning: rows without a right answer
    }
)
Kind = Literal[
    "missing-column",
    "row-value",
    "not-json",
    "no-rows",
    "mixed-types",
    "unreadable-rows",
    "row-choice",
    "left-out",
    "no-answer",
]


@dataclass(frozen=True, slots=True)
class Place:
    """A row, 1-based: a line of a jsonl file, a row of any other. path: the spec path of its file."""

    file: Path
    number: int
    unit: Literal["row", "line"]
    path: str


@dataclass(slots=True)
class _Finding:
    first: Problem
    place: Place
    numbers: list[int] = field(default_factory=list)
    count: int = 0

    def problem(self) -> Problem:
        unit, name = self.place.unit, self.place.file.name
        if self.count == 1:
            where = f"{unit} {self.numbers[0]}"
        else:
            more = self.count - len(self.numbers)
            said = [f"{number:,}" for number in self.numbers] + ([f"{more:,} more"] if more else [])
            where = f"{unit}s {', '.join(said[:-1])} and {said[-1]}"
        known = self.first
        message = f"{name}, {where}: {known.message}"
        return Problem(
            known.code, known.name, message, None, known.path, known.why, known.fix, severity=known.severity
        )


class Findings:
    """Problems of a conversion. Rows with the same subject are one finding."""

    def __init__(self) -> None:
        self._rows: dict[tuple[Path, str, str], _Finding] = {}
        self._whole: list[Problem] = []

    def row(
        self,
        kind: Kind,
        place: Place,
        subject: str,
        message: str,
        *,
        why: str = "",
        fix: str = "",
        severity: Severity = "error",
    ) -> None:
        """One row's problem. Message, reason and fix are those of the first row of this kind and subject."""
        key = (place.file, kind, subject)
        finding = self._rows.get(key)
        if finding is None:
            alike = sum(known.first.severity == severity for known in self._rows.values())
            if alike >= MOST:
                return
            problem = Problem(CODES[kind], kind, message, None, place.path, why, fix, severity=severity)
            finding = self._rows[key] = _Finding(problem, place)
        finding.count += 1
        if len(finding.numbers) < _NAMED:
            finding.numbers.append(place.number)

    def whole(
        self,
        kind: Kind,
        path: str,
        message: str,
        *,
        why: str = "",
        fix: str = "",
        severity: Severity = "error",
    ) -> None:
        """A problem of a file or of all rows."""
        self._whole.append(Problem(CODES[kind], kind, message, None, path, why, fix, severity=severity))

    @property
    def failed(self) -> bool:
        errors = any(finding.first.severity == "error" for finding in self._rows.values())
        return errors or any(problem.severity == "error" for problem in self._whole)

    def problems(self, *severities: Severity) -> tuple[Problem, ...]:
        """The findings of these severities, at most `MOST`."""
        found = self._whole + [finding.problem() for finding in self._rows.values()]
        return tuple(problem for problem in found if problem.severity in severities)[:MOST]

    def refuse(self) -> None:
        """Raises ProblemError with all errors, if there are any."""
        if self.failed:
            raise ProblemError(self.problems("error"))
