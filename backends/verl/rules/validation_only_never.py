"""A run that was meant to validate alone trains.

`trainer.val_only` is looked at behind the validation before training: without `trainer.val_before_train` it is not
read.

Why: the run trains, and changes the checkpoints.
Source: trainer/ppo/ray_trainer.py (0.7.1: :1258-1264, 0.8.0: :1393-1399, 0.9.1: :1438-1444),
trainer/ppo/v1/trainer_base.py:439-448
Bad:
    trainer.val_only=True trainer.val_before_train=False
Good:
    trainer.val_only=True trainer.val_before_train=True
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS719", "validation-only-never", "error")

ONLY, BEFORE = "trainer.val_only", "trainer.val_before_train"


def check(view: View) -> Iterator[Found]:
    if view.value(ONLY) and not view.value(BEFORE):
        yield Found(
            f"{ONLY} is set, and {view.shown(BEFORE)}: verl looks at it only after the validation before training",
            (BEFORE, ONLY),
            fix=f"{BEFORE}=True",
            why="the run trains",
            span=view.span(BEFORE, ONLY),
        )
