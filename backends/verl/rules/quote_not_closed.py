"""A quote that is open where the script ends.

bash reads on to the next quote of that kind, over all lines, and finds the end of the file.

Why: bash says `unexpected EOF while looking for matching` and does not run the command.
Source: bash's grammar
Bad:
    --- run.sh
    python3 -m verl.trainer.main_ppo $ARGUMENTS \\
        trainer.logger='["console","wandb"] \\
        trainer.save_freq=20
Good:
    --- run.sh
    python3 -m verl.trainer.main_ppo $ARGUMENTS \\
        trainer.logger='["console","tensorboard"]' \\
        trainer.save_freq=20
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.shell.quotes import open_quote
from toolspec.specs.problem import Span

RULE = Rule("TS919", "quote-not-closed", "error")


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None or launch.command.inner:
        return
    script = launch.script
    before = launch.command.span.line - 1
    found = open_quote("\n".join(script.lines[before:]))
    if found is None:
        return
    number = before + found.line
    line = script.lines[number - 1]
    yield Found(
        f"the {'single' if found.quote == chr(39) else 'double'} quote of line {number} is not closed",
        (f"launch:{PurePath(script.file).name}", *_keys(line)),
        fix=f"close it: {line.strip().removesuffix(chr(92)).rstrip()}{found.quote}",
        why="bash reads to the end of the file, and does not run the command",
        span=Span(script.file, number, len(line) - len(line.lstrip()) + 1, max(1, len(line.strip()))),
    )


def _keys(line: str) -> tuple[str, ...]:
    """The override of the line, if it is one."""
    name = line.strip().partition("=")[0].lstrip("+")
    return (name,) if "." in name and " " not in name else ()
