"""No validation at all.

`trainer.test_freq` is not above 0, and there is none before the training.

Why: only the training reward is left to judge the run by, and it says nothing of other tasks.
Source: trainer/ppo/ray_trainer.py and trainer/ppo/v1/trainer_base.py:439,489 of each release
Bad:
    trainer.test_freq=-1 trainer.val_before_train=False
Good:
    trainer.test_freq=10 trainer.val_before_train=False
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS721", "never-validates", "note")

EVERY, BEFORE = "trainer.test_freq", "trainer.val_before_train"


def check(view: View) -> Iterator[Found]:
    if view.integer(EVERY, null=0) > 0 or view.value(BEFORE) or view.run.spec is not None:
        return
    yield Found(
        f"the run never validates: {view.shown(EVERY)} and {view.shown(BEFORE)}",
        (EVERY, BEFORE),
        fix=f"{EVERY}=20",
        why="only the training reward is left to judge it by",
        span=view.span(EVERY, BEFORE),
    )
