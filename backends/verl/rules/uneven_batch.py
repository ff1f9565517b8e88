"""The trajectories of a step do not split over the GPUs.

Without dynamic batches verl asserts that train_batch_size × rollout.n is a multiple of the GPUs of all nodes (for
megatron: of the data-parallel ranks × the micro batch).

Why: the run stops in validate_config.
Source: utils/config.py validate_config of 0.7.1, 0.8.0 and 0.9.1 (0.9.1: :103-130); verl issue 1004
Bad:
    data.train_batch_size=50 actor_rollout_ref.rollout.n=5 trainer.n_gpus_per_node=8
Good:
    data.train_batch_size=48 actor_rollout_ref.rollout.n=5 trainer.n_gpus_per_node=8
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from toolspec.backends.verl.lint.derived import (
    ACTOR,
    ROLLOUT,
    data_parallel,
    dynamic,
    gpus,
    group,
    is_megatron,
)
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS101", "uneven-batch", "error")


def check(view: View) -> Iterator[Found]:
    if dynamic(view):
        return
    batch, samples, total = view.integer("data.train_batch_size"), group(view), gpus(view)
    unit, ranks = total, f"{view.integer('trainer.nnodes')} × {view.integer('trainer.n_gpus_per_node')} GPUs"
    if is_megatron(view):
        micro = view.integer(f"{ACTOR}.ppo_micro_batch_size_per_gpu")
        unit = data_parallel(view) * micro
        ranks = f"{data_parallel(view)} data-parallel ranks × a micro batch of {micro}"
    if unit <= 0 or (batch * samples) % unit == 0:
        return
    step = unit // gcd(unit, samples)
    near = max(step, round(batch / step) * step)
    yield Found(
        f"{batch} prompts × {samples} trajectories = {batch * samples}, no multiple of {unit} ({ranks})",
        ("data.train_batch_size", f"{ROLLOUT}.n", "trainer.n_gpus_per_node", "trainer.nnodes"),
        fix=f"data.train_batch_size={near}",
        changes=(Put("data.train_batch_size", near),),
        why="verl asserts it in validate_config and stops",
    )
