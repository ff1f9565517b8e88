"""Printing: problems, and colour where it is wanted."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from toolspec.cli.document import json_wanted, print_findings
from toolspec.specs.problem import Problem, ProblemError


def wants_colour(stream: IO[str]) -> bool:
    """A terminal, and neither NO_COLOR nor a dumb terminal; FORCE_COLOR wins (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Columns to write in: the terminal's, at most 100."""
    return max(40, min(100, shutil.get_terminal_size((100, 24)).columns))


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


def paint(text: str, code: str) -> str:
    """`text` in an ANSI style (`1` bold, `2` dim, `32` green) where stdout shows colour."""
    return f"\x1b[{code}m{text}\x1b[0m" if wants_colour(sys.stdout) else text
