"""The click command of `toolspec lint`: help, completion and wrong options. A well-formed call never comes here."""

from __future__ import annotations

from typing import Any

import click

from toolspec.cli.lint_options import FORMATS, OPTIONS, Asked, Option


def _parameter(option: Option) -> click.Option:
    if not option.value:
        return click.Option([option.name], is_flag=True, help=option.help)
    choices = click.Choice(FORMATS) if option.name == "--format" else None
    return click.Option(
        [option.name], metavar=option.value, multiple=option.several, help=option.help, type=choices
    )


def _callback(paths: tuple[str, ...], **given: Any) -> int:
    from toolspec.cli.lint import lint

    values: dict[str, tuple[str, ...]] = {}
    for option in OPTIONS:
        value = given[option.name.removeprefix("--").replace("-", "_")]
        if value:
            texts = value if isinstance(value, tuple) else ("",) if value is True else (value,)
            values[option.name] = tuple(map(str, texts))
    if not paths:
        raise click.UsageError("name a file or a folder, or arguments of main_ppo after `--`")
    return lint(Asked(paths, values, None))


HELP = """Find what would crash late, waste the run or silently train something else.

FILES are specs, verl's YAML configurations, scripts that start verl, and folders of them. Nothing in them is run.
What could not be checked, and what to provide for it, ends every report.

\b
Example:
  toolspec lint exp.yaml
  toolspec lint run_grpo.sh --target verl==0.9.1
  toolspec lint configs/ --select TS1,TS3 --format github
  toolspec lint -- data.train_batch_size=50 trainer.nnodes=2

Exit codes: 0 no errors (warnings are allowed), 1 errors, 2 wrong usage or a fault of toolspec's own.
"""

lint_command = click.Command(
    "lint",
    params=[
        click.Argument(["paths"], nargs=-1, type=click.Path(path_type=str), metavar="FILES"),
        *(_parameter(option) for option in OPTIONS),
    ],
    callback=_callback,
    help=HELP,
)
