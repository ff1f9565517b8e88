"""A run that ends before the actor is trained.

The actor is updated from step `trainer.critic_warmup` on. A learning rate of 0 trains nothing either.

Why: the whole run leaves the policy as it was.
Source: trainer/ppo/v1/trainer_base.py:610-613, trainer/ppo/ray_trainer.py (0.9.1: :1684, 0.8.0: :1643, 0.7.1: :1504)
Bad:
    algorithm.adv_estimator=gae critic.model.path=model critic.ppo_micro_batch_size_per_gpu=4
    trainer.critic_warmup=100 trainer.total_training_steps=50
Good:
    algorithm.adv_estimator=gae critic.model.path=model critic.ppo_micro_batch_size_per_gpu=4
    trainer.critic_warmup=10 trainer.total_training_steps=50
Bad:
    actor_rollout_ref.actor.optim.lr=0
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS125", "actor-never-trained", "error")

WARMUP, STEPS, RATE = "trainer.critic_warmup", "trainer.total_training_steps", f"{ACTOR}.optim.lr"


def check(view: View) -> Iterator[Found]:
    if view.value("trainer.val_only"):
        return
    if view.value(RATE) is not None and view.number(RATE) <= 0:
        yield Found(f"{view.shown(RATE)} trains nothing", (RATE,), fix=f"{RATE}=1e-6")
    warmup = view.integer(WARMUP, null=0)
    if warmup > 1 and view.value(STEPS) is not None and warmup > view.integer(STEPS):
        yield Found(
            f"{view.shown(WARMUP)} is above the run's {view.integer(STEPS)} steps: the actor is never updated",
            (WARMUP, STEPS),
            fix=f"{WARMUP}=0",
        )
