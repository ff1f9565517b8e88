"""A batch takes more rows than there are.

The training rows are drawn in batches of `data.train_batch_size` (`gen_batch_size` where it is set), and the last one,
which is not full, is dropped: with fewer rows than a batch there is none.

Why: V0 asserts a batch when it makes its loaders; V1 divides by 0 after loading and the first validation.
Source: trainer/ppo/ray_trainer.py _create_dataloader (0.7.1: :368, 0.8.0: :430, 0.9.1: :427);
trainer/ppo/v1/trainer_base.py:450, :764 (0.9.1)
Bad:
    data.train_batch_size=1024 actor_rollout_ref.actor.ppo_mini_batch_size=256
Good:
    data.train_batch_size=64
Bad:
    data.train_max_samples=16
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import uses_v1
from toolspec.backends.verl.lint.facts.rows import drawn
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS621", "fewer-rows-than-a-step", "error")


def check(view: View) -> Iterator[Found]:
    v1 = uses_v1(view)
    if v1 and view.value("trainer.val_only"):
        return
    rows = drawn(view, "train")
    generated = view.value("data.gen_batch_size")
    own = isinstance(generated, int) and generated > 0 and not v1
    key = "data.gen_batch_size" if own else "data.train_batch_size"
    batch = view.integer(key)
    if not 0 < rows < batch:
        return
    default = "" if view.said(key) is not None else " (default)"
    keys = (key, "data.train_files", "dataset:rows")
    cut = view.value("data.train_max_samples")
    yield Found(
        f"{key} is {batch}{default} and there are {rows} training rows",
        (*keys, "data.train_max_samples") if isinstance(cut, int) and cut > 0 else keys,
        fix=f"{key}={1 << (rows.bit_length() - 1)}",
        why="there is not one batch: V1 divides by 0 steps an epoch, after loading"
        if v1
        else "there is not one batch: verl asserts one when it makes its loaders",
    )
