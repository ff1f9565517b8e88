"""Printing: problems, and colour where it is wanted."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from toolspec.cli.document import json_wanted, print_findings
from toolspec.cli.terminal import wants_colour, width
from toolspec.specs.problem import Problem, ProblemError


def report(error: ProblemError) -> None:
    """All problems of an error: as text on stderr, or with --format json as findings on stdout."""
    if json_wanted():
        print_findings(error.problems)
        return
    from toolspec.specs.excerpt import render

    sources = with_files(error.problems, getattr(error, "sources", {}))
    sys.stderr.write(render(error.problems, sources, color=wants_colour(sys.stderr), width=width()))


def with_files(problems: Iterable[Problem], sources: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """`sources` and the lines of every other file that a problem points into: the user's Python, say."""
    lines = dict(sources)
    for problem in problems:
        file = problem.span.file if problem.span is not None else ""
        if file and file not in lines:
            from toolspec.specs.named_file import UnreadableError, head
            from toolspec.specs.source import MAX_BYTES, show_lines

            with suppress(UnreadableError):
                lines[file] = show_lines(head(Path(file), MAX_BYTES))
    return lines


def progress(what: str) -> None:
    """What takes a while, told on a terminal."""
    if sys.stderr.isatty():
        print(f"  {what} …", file=sys.stderr)


def paint(text: str, code: str) -> str:
    """`text` in an ANSI style (`1` bold, `2` dim, `32` green) where stdout shows colour."""
    return f"\x1b[{code}m{text}\x1b[0m" if wants_colour(sys.stdout) else text


# All control characters but tab and newline, save for the escape of a style that `paint` writes.
_OBEYED = re.compile(r"\x1b(?!\[(?:0|1|2|3[1-6])m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")


def obeying_nothing(text: str) -> str:
    """`text`, which others wrote, without what a terminal would obey: `\\x1b` and its like by their numbers."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
