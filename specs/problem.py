"""What is wrong with a file, and where: the one error value of every stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note"]


class Span(NamedTuple):
    """A place in a file. `line` and `column` are 1-based characters; `length` is the width to underline."""

    file: str
    line: int
    column: int
    length: int = 1


class Edit(NamedTuple):
    """A replacement of the text of `span`, which lies on one line; a length of 0 inserts before it.

    lines: where it is not 0, that many whole lines from the span's on are replaced, with their line breaks; `text` is
    then empty or ends in a line break.
    """

    span: Span
    text: str
    lines: int = 0

    @property
    def end(self) -> tuple[int, int]:
        """Line and column behind the text that is replaced."""
        if self.lines:
            return self.span.line + self.lines, 1
        return self.span.line, self.span.column + self.span.length


class Problem(NamedTuple):
    """One finding.

    code: stable, `TSnnn`; name: the rule's readable name. message: one sentence with the numbers.
    path: the spec path (`algorithm.batch`) where one is known. why: why it matters, or "".
    fix: the smallest change that repairs it, or "". keys: the verl keys that it is about.
    edits: what a program may write to repair it; safe: the edits keep the meaning that the user surely had.
    """

    code: str
    name: str
    message: str
    span: Span | None = None
    path: str = ""
    why: str = ""
    fix: str = ""
    severity: Severity = "error"
    keys: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    safe: bool = False


class ProblemError(Exception):
    """The input cannot be used. Carries every problem found, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(p.message for p in problems))
        self.problems = problems


def in_file_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Each problem once, by place inside a file, files as they first come up; what has no place comes first."""
    listed = list(dict.fromkeys(problems))
    files = list(dict.fromkeys(p.span.file for p in listed if p.span))

    def place(problem: Problem) -> tuple[int, int, int]:
        span = problem.span
        return (files.index(span.file), span.line, span.column) if span else (-1, 0, 0)

    return tuple(sorted(listed, key=place))


def nearest_span(spans: Mapping[tuple[str | int, ...], Span], path: tuple[str | int, ...]) -> Span | None:
    """The place of the value at `path`, or of the innermost mapping or list around it that has one."""
    for end in range(len(path), -1, -1):
        if path[:end] in spans:
            return spans[path[:end]]
    return None
