"""No checkpoint is ever written.

A checkpoint is saved where `trainer.save_freq` is above 0, at its multiples and at the last step. The default is -1.

Why: the run ends without a model, and a crash loses all of it.
Source: trainer/ppo/ray_trainer.py (0.7.1: :1521, 0.8.0: :1663, 0.9.1: :1704), trainer/ppo/v1/trainer_base.py:481
Bad:
    trainer.save_freq=-1
Good:
    trainer.save_freq=20
Good:
    trainer.save_freq=-1 trainer.total_training_steps=1
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS710", "never-saves", "warning")

KEY = "trainer.save_freq"
STEPS = "trainer.total_training_steps"
FEW = 10
"""Steps of a run that is surely a trial: verl's own end-to-end tests make one to ten."""


def check(view: View) -> Iterator[Found]:
    if view.run.spec is not None:
        return  # a spec that saves nothing says `checkpoint: {every: never}`
    if view.integer(KEY, null=0) > 0 or view.value("trainer.val_only"):
        return
    if view.value(STEPS) in range(1, FEW + 1):
        return  # a trial of the set-up, not a training
    yield Found(
        f"{view.shown(KEY)}: no checkpoint is written, not at the last step either",
        (KEY,),
        fix=f"{KEY}=50",
        why="the run ends without a model, and what stops it loses all of it",
    )
