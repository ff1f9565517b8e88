"""`data.gen_batch_size` that does not divide the batch, or takes its place.

The V1 trainer fetches rows in lots of gen_batch_size and wants a whole number of them in train_batch_size (with group
filtering and in the asynchronous modes it takes 1). The V0 trainer makes each step of gen_batch_size rows: nothing
gathers them to train_batch_size.

Why: the run stops at the first step, or trains on another batch than the one that was asked for.
Source: trainer/ppo/v1/trainer_base.py:733-742, :1479-1489 (0.9.1); trainer/ppo/ray_trainer.py StatefulDataLoader of
each release (0.9.1: :407)
Bad:
    data.train_batch_size=32 data.gen_batch_size=24
Good:
    data.train_batch_size=32 data.gen_batch_size=16
Bad:
    data.train_batch_size=32 data.gen_batch_size=96 trainer.use_v1=False
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import v1_mode
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS108", "generation-batch", "error")

LOT, BATCH = "data.gen_batch_size", "data.train_batch_size"


def check(view: View) -> Iterator[Found]:
    if not view.value(LOT):
        return
    lot, batch, mode = view.integer(LOT), view.integer(BATCH), v1_mode(view)
    if not mode:
        if lot != batch:
            yield Found(
                f"main_ppo makes each step of gen_batch_size={lot} rows, and train_batch_size is {batch}",
                (LOT, BATCH),
                fix=f"drop {LOT}",
                why="only trainers that filter groups gather rows from several lots",
            )
        return
    if mode != "sync" or view.value("algorithm.filter_groups.enable"):
        return
    if view.value("trainer.v1.sampler.sync_refill_failed_groups") or view.value(
        "trainer.v1.sampler.custom_sampler.path"
    ):
        return
    if batch % lot:
        yield Found(
            f"train_batch_size={batch} is no multiple of gen_batch_size={lot}",
            (LOT, BATCH),
            fix=f"drop {LOT}",
            why="verl raises a ValueError at the first step",
        )
