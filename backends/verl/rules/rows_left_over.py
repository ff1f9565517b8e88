"""Rows that are never trained on, since the last batch of an epoch is not full.

The loader drops it. With `data.shuffle` other rows are left over in every epoch; without it, or in one epoch, the same.

Why: the rows are not seen.
Source: trainer/ppo/ray_trainer.py _create_dataloader of each release (drop_last=True); trainer/ppo/v1/trainer_base.py
(0.9.1: :747)
Bad:
    data.train_batch_size=48 actor_rollout_ref.actor.ppo_mini_batch_size=48 data.shuffle=False
Good:
    data.train_batch_size=64 data.shuffle=False
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.rows import drawn
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS624", "rows-left-over", "note")


def check(view: View) -> Iterator[Found]:
    if view.run.spec is not None:
        return  # compile's plan shows it
    rows, batch = drawn(view, "train"), view.integer("data.train_batch_size")
    if batch <= 0 or rows < batch or not rows % batch:
        return
    if view.true("data.shuffle") and view.value("trainer.total_epochs") != 1:
        return
    yield Found(
        f"{rows % batch} of {rows} rows are left over: {rows // batch} batches of {batch} an epoch",
        ("data.train_batch_size", "data.train_files"),
        fix="data.shuffle=True, or a batch that divides the rows",
        why="the last batch is dropped, and no other epoch draws these rows",
    )
