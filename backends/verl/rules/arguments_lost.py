"""Arguments that bash drops: the command ends before them.

A blank behind a backslash, a comment or an empty line within the continued command, or a missing backslash ends it.
bash runs the rest as commands of their own, after the training.

Why: verl starts with defaults in place of the rest, or Hydra stops at a lone blank.
Source: the Bash manual, 3.1.2.1 (escape character) and 3.1.3 (comments)
Bad:
    --- run.sh
    python3 -m verl.trainer.main_ppo $ARGUMENTS \\
        # the trainer
        trainer.save_freq=50
Good:
    --- run.sh
    # the trainer
    python3 -m verl.trainer.main_ppo $ARGUMENTS \\
        trainer.save_freq=50
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.launches import blank_words

RULE = Rule("TS902", "arguments-lost", "error")


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None:
        return
    file = f"launch:{Path(view.run.file).name}"
    if launch.lost:
        count, first = len(launch.lost), launch.lost[0]
        more = f" and {count - 1} more" if count > 1 else ""
        yield Found(
            f"`{first.key}`{more} {'is' if count == 1 else 'are'} no argument of the command: {launch.lost_why}",
            (file, "launch:\\", *(said.key for said in launch.lost)),
            fix="end the line before in a backslash alone, and let no other line stand between",
            why="verl starts without them, and bash tries them as commands when the training has ended",
            span=first.key_span,
        )
        return
    for word in blank_words(launch.command):
        yield Found(
            "a blank stands behind the backslash, and Hydra gets it as an argument",
            (file, "launch:\\"),
            fix="take the blank away",
            why="Hydra cannot parse it and stops",
            span=word.span,
        )
