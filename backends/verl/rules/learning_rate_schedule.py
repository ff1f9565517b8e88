"""A learning rate whose warm-up does not do what it says.

`lr_warmup_steps` above 0 wins over `lr_warmup_steps_ratio`. A warm-up as long as the run never reaches the rate.

Why: the run trains at another rate than the one that is written.
Source: workers/engine/fsdp/transformer_impl.py _build_lr_scheduler (0.9.1), workers/fsdp_workers.py of 0.7.1,
utils/megatron/optimizer.py
Bad:
    actor_rollout_ref.actor.optim.lr_warmup_steps=10 actor_rollout_ref.actor.optim.lr_warmup_steps_ratio=0.1
Good:
    actor_rollout_ref.actor.optim.lr_warmup_steps=10
Bad:
    actor_rollout_ref.actor.optim.lr_warmup_steps=100 trainer.total_training_steps=50
Bad:
    actor_rollout_ref.actor.optim.lr=1e6
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, has_critic
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS126", "learning-rate-schedule", "warning")

TOTAL = "trainer.total_training_steps"
HIGHEST = 0.01
"""Above it no transformer is trained with Adam; 1e6 for 1e-6 is a slip of the hand."""


def check(view: View) -> Iterator[Found]:
    yield from _role(view, ACTOR)
    if has_critic(view):
        yield from _role(view, "critic")


def _role(view: View, role: str) -> Iterator[Found]:
    rate = f"{role}.optim.lr"
    if view.said(rate) is not None and view.number(rate) > HIGHEST:
        yield Found(f"{view.shown(rate)} is above {HIGHEST}", (rate,), fix=f"{rate}=1e-6")
    steps, ratio = f"{role}.optim.lr_warmup_steps", f"{role}.optim.lr_warmup_steps_ratio"
    given = view.integer(steps, null=-1)
    if given <= 0:
        return
    if view.value(ratio):
        yield Found(
            f"{view.shown(steps)} wins over {view.shown(ratio)}",
            (steps, ratio),
            fix=f"drop {ratio}",
            why="the ratio counts only where the steps are not above 0",
        )
    if view.value(TOTAL) is not None and given >= view.integer(TOTAL):
        yield Found(
            f"{view.shown(steps)} is no less than the run's {view.integer(TOTAL)} steps: the rate is never reached",
            (steps, TOTAL),
            fix=f"{steps}={max(1, view.integer(TOTAL) // 20)}",
        )
