"""`--force CODE=REASON`: errors that a run is submitted in spite of, each with its reason, which the run keeps."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import NamedTuple

import click

from toolspec.cli.document import json_wanted
from toolspec.cli.output import with_files
from toolspec.cli.terminal import wants_colour, width
from toolspec.specs.problem import Problem


class Forced(NamedTuple):
    code: str
    reason: str


def _read(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> tuple[Forced, ...]:
    """Raises BadParameter for a form other than CODE=REASON, and for a code that there is not."""
    found = []
    for text in texts:
        code, _sign, reason = text.partition("=")
        if not re.fullmatch(r"TS\d{3}", code.strip()) or not reason.strip():
            raise click.BadParameter(
                f"{text!r} is not CODE=REASON: --force 'TS947=the venv is on the nodes alone', say. The run keeps it"
            )
        from toolspec.specs.codes import CODES

        if code.strip() not in CODES:
            raise click.BadParameter(f"there is no {code.strip()}: `toolspec rules` lists them")
        found.append(Forced(code.strip(), reason.strip()))
    return tuple(found)


FORCE = click.option(
    "--force",
    "forced",
    multiple=True,
    metavar="CODE=REASON",
    callback=_read,
    help="Go on in spite of the errors of this code. The run keeps the reason. Repeatable.",
)


class Admitted(NamedTuple):
    """shown: all problems, forced errors as warnings. errors: whether any is left. forced: those that were met."""

    shown: tuple[Problem, ...]
    errors: bool
    forced: list[dict[str, str]]


def admitted(problems: Sequence[Problem], forced: Sequence[Forced]) -> Admitted:
    """The problems with what is forced, errors last, where a terminal is looked at first."""
    reasons = {each.code: each.reason for each in forced}
    shown = [
        one._replace(severity="warning", message=f"{one.message} (forced: {reasons[one.code]})")
        if one.severity == "error" and one.code in reasons
        else one
        for one in problems
    ]
    met = {one.code for one in problems if one.severity == "error"}
    order = {"note": 0, "warning": 1, "error": 2}
    return Admitted(
        tuple(sorted(shown, key=lambda one: order[one.severity])),
        any(one.severity == "error" for one in shown),
        [each._asdict() for each in forced if each.code in met],
    )


def show(problems: Sequence[Problem]) -> None:
    """On stderr, but with --format json, where they are in the document."""
    if problems and not json_wanted():
        from toolspec.specs.excerpt import render

        sys.stderr.write(
            render(problems, with_files(problems, {}), color=wants_colour(sys.stderr), width=width())
        )
