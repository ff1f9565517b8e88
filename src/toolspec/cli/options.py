"""The options that several commands share, and the error of a command that is called wrongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
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
    from toolspec.specs.settings import SET as NAME
    from toolspec.specs.settings import split

    problems: list[Problem] = []
    for number, text in enumerate(texts, start=1):
        try:
            split(text, number)
        except ProblemError as error:
            problems += error.problems
    if problems:
        raise CallError(NAME, texts, tuple(problems))
    return texts


def _release(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """The release that the text names. Raises CallError for one that specs are not compiled for."""
    said = given(context, option, text)
    if said is None:
        return None
    from toolspec.backends.verl.releases import parse_target

    name = option.opts[0]
    try:
        return parse_target(said)
    except ProblemError as error:
        span = Span(name, 1, 1, len(said))
        raise CallError(name, (said,), tuple(p._replace(span=span) for p in error.problems)) from None


def given(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """The value, or None where there is none to look at. Raises BadParameter for an empty one."""
    if text is None or context.resilient_parsing:
        return None
    if not text.strip():
        raise click.BadParameter("it is empty (an unset variable?)", context, option)
    return text


def _spec(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """Raises ProblemError, with the file that may be meant, where the text names no file."""
    if (name := given(context, option, text)) is not None:
        from toolspec.cli.spec_file import check_file

        check_file(name)
    return text


def _each_spec(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    """As _spec, for each of several."""
    return tuple(text for text in texts if _spec(context, option, text) is not None)


def _spec_or_bundle(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """As _spec, but a folder may be a bundle."""
    return text if text is not None and Path(text).is_dir() else _spec(context, option, text)


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
    callback=given,
    help="The bundle's folder. Default: build/NAME.",
)
HTML = click.option(
    "--html", type=click.Path(path_type=str), metavar="FILE", callback=given, help="Write a page as well."
)
SPEC = click.argument("spec", type=click.Path(path_type=str), callback=_spec)
SPECS = click.argument(
    "specs", nargs=-1, required=True, metavar="SPEC...", type=click.Path(path_type=str), callback=_each_spec
)


def sides(command: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments A and B, each a spec or a bundle; B may be left out."""
    for name in ("b", "a"):
        argument = click.argument(
            name, type=click.Path(path_type=str), required=name == "a", callback=_spec_or_bundle
        )
        command = argument(command)
    return command


def rows_option(most: int, default: int, before: str = "") -> Callable[[Any], Any]:
    """How many rows an experiment is tried on. before: what the option belongs to, "With --probe: "."""
    return click.option(
        "--rows",
        type=click.IntRange(1, most),
        default=default,
        show_default=True,
        metavar="N",
        help=_behind(before, "How many rows, drawn from the first 512."),
    )


def trial_options(
    imports: str, timeout: str, process: str, before: str = ""
) -> Callable[[Callable[..., Any]], Any]:
    """Which rows a trial of the user's code takes, with which Python, and its limits.

    imports: whose imports the Python has, as a clause. timeout: what it is of. process: whose memory it is.
    before: as in rows_option.
    """
    options = (
        click.option(
            "--split",
            type=click.Choice(["train", "val"]),
            default="train",
            show_default=True,
            help=_behind(before, "Which rows."),
        ),
        click.option(
            "--text",
            is_flag=True,
            help=_behind(before, "Without the model's tokenizer, though it is at hand."),
        ),
        click.option(
            "--python",
            type=click.Path(path_type=str),
            metavar="PATH",
            callback=given,
            help=_behind(before, f"The interpreter that has what {imports}. Default: toolspec's own."),
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(0.1),
            metavar="SECONDS",
            help=_behind(before, timeout),
        ),
        click.option(
            "--memory",
            type=click.IntRange(1),
            metavar="GIB",
            help=_behind(before, f"Of {process}. Default: 8."),
        ),
    )

    def all_of_them(command: Callable[..., Any]) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return all_of_them


def _behind(before: str, text: str) -> str:
    return f"{before}{text[0].lower()}{text[1:]}" if before else text
