"""Settings that trainer_mode=separate_async wants of each other.

Training and rollout on GPUs of their own: the batch is `parameter_sync_step` mini batches, the rollout has nodes of
its own, and weights go over a checkpoint engine other than `naive`.

Why: the run stops when the trainer starts.
Source: trainer/ppo/v1/trainer_separate_async.py:55-80 (0.9.1)
Bad:
    trainer.v1.trainer_mode=separate_async actor_rollout_ref.actor.ppo_mini_batch_size=8
    actor_rollout_ref.rollout.checkpoint_engine.backend=nccl
Good:
    trainer.v1.trainer_mode=separate_async actor_rollout_ref.actor.ppo_mini_batch_size=8
    actor_rollout_ref.rollout.nnodes=1 actor_rollout_ref.rollout.checkpoint_engine.backend=nccl
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, ROLLOUT, v1_mode
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS109", "separate-async-settings", "error")

STEPS = "trainer.v1.separate_async.parameter_sync_step"


def check(view: View) -> Iterator[Found]:
    if v1_mode(view) != "separate_async":
        return
    stops = "verl asserts it when the trainer starts"
    mode = "trainer.v1.trainer_mode"
    for key in (f"{ROLLOUT}.nnodes", f"{ROLLOUT}.n_gpus_per_node"):
        if view.integer(key, null=0) <= 0:
            yield Found(
                f"{view.shown(key)}, and the rollout has nodes of its own", (key, mode), f"{key}=1", stops
            )
    backend = f"{ROLLOUT}.checkpoint_engine.backend"
    if view.value(backend) == "naive":
        yield Found(
            f"{view.shown(backend)} cannot send weights to other GPUs",
            (backend, mode),
            f"{backend}=nccl",
            stops,
        )
    if view.value("reward.reward_model.enable") and not view.value(
        "reward.reward_model.enable_resource_pool"
    ):
        pool = "reward.reward_model.enable_resource_pool"
        yield Found(f"{view.shown(pool)} with a reward model", (pool, mode), f"{pool}=True", stops)
    batch, mini, steps = "data.train_batch_size", f"{ACTOR}.ppo_mini_batch_size", view.integer(STEPS)
    if view.integer(batch) != steps * view.integer(mini):
        yield Found(
            f"train_batch_size={view.integer(batch)} is not parameter_sync_step={steps} × "
            f"ppo_mini_batch_size={view.integer(mini)}",
            (batch, mini, STEPS, mode),
            f"{batch}={steps * view.integer(mini)}",
            stops,
        )
