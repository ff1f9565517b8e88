"""Printing: problems, JSON, colour where it is wanted."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from toolspec.cli.terminal import wants_colour, width
from toolspec.specs.problem import Problem, ProblemError

FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output form.",
)
SET = click.option(
    "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Set a value of the spec. Repeatable."
)
TARGET = click.option("--target", metavar="VERL", help="verl release, such as verl==0.9.1.")
OUT = click.option(
    "--out", type=click.Path(path_type=str), metavar="DIR", help="The bundle's folder. Default: build/NAME."
)
SPEC = click.argument("spec", type=click.Path(path_type=str))


def json_wanted() -> bool:
    context = click.get_current_context(silent=True)
    if context is not None:
        return context.params.get("form") == "json"
    args = sys.argv
    return "--format=json" in args or ("--format", "json") in pairwise(args)


def report(error: ProblemError) -> None:
    """All problems of an error: as text on stderr, or with --format json as findings on stdout."""
    from toolspec.specs.excerpt import render, to_json

    if json_wanted():
        print_json({"version": 1, "findings": to_json(error.problems)})
        return
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


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, ensure_ascii=False))


def paint(text: str, code: str) -> str:
    """`text` in an ANSI style (`1` bold, `2` dim, `32` green) where stdout shows colour."""
    return f"\x1b[{code}m{text}\x1b[0m" if wants_colour(sys.stdout) else text
