"""The trajectories of a step, or of a mini batch, do not split over the ranks.

Without dynamic batches verl asserts that train_batch_size × rollout.n is a multiple of the GPUs of all nodes (for
Megatron: of the data-parallel ranks × the micro batch). At the first update the workers assert that the mini batch ×
rollout.n is a multiple of the data-parallel ranks, with dynamic batches too; those of 0.7.1 round it down.

Why: the run stops, in validate_config or after the first rollout.
Source: utils/config.py validate_config of 0.7.1, 0.8.0 and 0.9.1 (0.9.1: :103-130); workers/engine_workers.py
train_mini_batch (0.9.1: :267); workers/fsdp_workers.py:249-254 of 0.7.1; verl issue 1004
Bad:
    data.train_batch_size=50 actor_rollout_ref.rollout.n=5 trainer.n_gpus_per_node=8
    actor_rollout_ref.actor.ppo_mini_batch_size=50
Good:
    data.train_batch_size=48 actor_rollout_ref.rollout.n=5 trainer.n_gpus_per_node=8
    actor_rollout_ref.actor.ppo_mini_batch_size=48 actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=5
    actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=5
    actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=5
Bad:
    data.train_batch_size=32 actor_rollout_ref.actor.ppo_mini_batch_size=4 actor_rollout_ref.rollout.n=5
    actor_rollout_ref.actor.use_dynamic_bsz=True
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
    has_critic,
    is_megatron,
    legacy_workers,
)
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity

RULE = Rule("TS102", "uneven-ranks", "error")

GPU_KEYS = ("trainer.n_gpus_per_node", "trainer.nnodes")


def check(view: View) -> Iterator[Found]:
    step = list(_step(view)) if not dynamic(view) else []
    yield from step
    if not step:
        yield from _mini(view, ACTOR)
        if has_critic(view):
            yield from _mini(view, "critic")


def _step(view: View) -> Iterator[Found]:
    batch, samples, total = view.integer("data.train_batch_size"), group(view), gpus(view)
    unit, ranks = total, f"{view.integer('trainer.nnodes')} × {view.integer('trainer.n_gpus_per_node')} GPUs"
    if is_megatron(view):
        micro = view.integer(f"{ACTOR}.ppo_micro_batch_size_per_gpu")
        unit = data_parallel(view) * micro
        ranks = f"{data_parallel(view)} data-parallel ranks × a micro batch of {micro}"
    if unit <= 0 or (batch * samples) % unit == 0:
        return
    yield Found(
        f"{batch} prompts × {samples} trajectories = {batch * samples}, no multiple of {unit} ({ranks})",
        ("data.train_batch_size", f"{ROLLOUT}.n", *GPU_KEYS),
        fix=f"data.train_batch_size={_near(batch, samples, unit)}",
        changes=(Put("data.train_batch_size", _near(batch, samples, unit)),),
        why="verl asserts it in validate_config and stops",
    )


def _mini(view: View, role: str) -> Iterator[Found]:
    key = f"{role}.ppo_mini_batch_size"
    if role == "critic" and view.said(key) is None:
        return  # it follows the actor's
    mini, samples, ranks = view.integer(key), group(view), data_parallel(view, role)
    if mini < 1 or (mini * samples) % ranks == 0:
        return
    severity: Severity = "error"
    why = "the workers assert it at the first update, after a whole rollout"
    if legacy_workers(view):
        each = mini * samples // ranks
        why = f"verl rounds it down, to updates over {each * ranks} trajectories"
        severity = "error" if each == 0 else "warning"
    yield Found(
        f"a mini batch of {mini} prompts × {samples} trajectories = {mini * samples}, no multiple of {ranks} "
        f"data-parallel ranks",
        (key, f"{ROLLOUT}.n", *GPU_KEYS),
        fix=f"{view.name(key)}={_near(mini, samples, ranks)}",
        why=why,
        severity=severity,
    )


def _near(prompts: int, samples: int, unit: int) -> int:
    """The number of prompts next to the one given whose trajectories split."""
    step = unit // gcd(unit, samples)
    return max(step, round(prompts / step) * step)
