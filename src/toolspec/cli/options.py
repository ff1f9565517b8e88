"""The options that several commands share, and the error of a command that is called wrongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import click

from toolspec.specs.problem import Problem, ProblemError, Span


class CallError(ProblemError):
    """The command line is wrong, whatever the files say: exit code 2. Shown at the option's own text."""

    def __init__(self, option: str, texts: Sequence[str], problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.sources = {option: tuple(texts)}


def _settings(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Every `--set` has the form path=value. Raises CallError with all that have not."""
    if not texts or context.resilient_parsing:
        return texts
    from toolspec.specs.loading import SET as NAME
    from toolspec.specs.loading import split_setting

    problems: list[Problem] = []
    for number, text in enumerate(texts, start=1):
        try:
            split_setting(text, number)
        except ProblemError as error:
            problems += error.problems
    if problems:
        raise CallError(NAME, texts, tuple(problems))
    return texts


def _release(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """The release that the text names. Raises CallError for one that specs are not compiled for."""
    if text is None or context.resilient_parsing:
        return text
    from toolspec.backends.verl.releases import parse_target

    name = option.opts[0]
    try:
        return parse_target(text)
    except ProblemError as error:
        span = Span(name, 1, 1, max(1, len(text)))
        raise CallError(name, (text,), tuple(replace(p, span=span) for p in error.problems)) from None


def _folder(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    if text == "":
        raise click.BadParameter("the name is empty (an unset variable?)", context, option)
    return text


def release_option(*names: str, text: str, required: bool = False) -> Callable[[Any], Any]:
    """An option whose value is a release of verl."""
    return click.option(*names, metavar="VERL", help=text, required=required, callback=_release)


FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output form.",
)
SET = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="PATH=VALUE",
    callback=_settings,
    help="Set a value of the spec. Repeatable.",
)
TARGET = release_option("--target", text="verl release, such as verl==0.9.1.")
OUT = click.option(
    "--out",
    type=click.Path(path_type=str),
    metavar="DIR",
    callback=_folder,
    help="The bundle's folder. Default: build/NAME.",
)
SPEC = click.argument("spec", type=click.Path(path_type=str))
