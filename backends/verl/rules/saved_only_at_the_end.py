"""The only checkpoint is that of the last step.

`trainer.save_freq` is above the number of steps, which is `trainer.total_training_steps`, else the batches of all
epochs.

Why: what stops the run before its end loses all of it.
Source: trainer/ppo/ray_trainer.py (0.9.1: :1704), trainer/ppo/v1/trainer_base.py:481
Bad:
    trainer.save_freq=1000 trainer.total_training_steps=100
Good:
    trainer.save_freq=50 trainer.total_training_steps=100
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import steps
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS711", "saved-only-at-the-end", "note")

KEY = "trainer.save_freq"


def check(view: View) -> Iterator[Found]:
    every = view.integer(KEY, null=0)
    if every <= 0 or view.value("trainer.val_only"):
        return
    total = steps(view)
    if every > total:
        yield Found(
            f"{KEY} is {every}, and the run has {total} steps: only the last one is saved",
            (KEY, "trainer.total_training_steps"),
            fix=f"{KEY}={max(1, total // 4)}",
            why="what stops the run before its end loses all of it",
        )
