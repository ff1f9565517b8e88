"""Rollout correction that bypass mode drops.

`bypass_mode` takes the engine's log-probabilities as the old ones, and leaves weights, rejection and `loss_type` to the
loss `bypass_mode`. No trainer hands them to the actor: V1 does nothing of the kind, and V0 writes into its own copy of
the configuration after the workers have got theirs. The actor keeps its loss.

Why: the run trains without the correction that is asked for, and no line says so.
Source: trainer/ppo/v1/trainer_base.py:1640-1650, :1764-1771 (0.9.1); apply_bypass_mode in
trainer/ppo/rollout_corr_helper.py and its call in trainer/ppo/ray_trainer.py (0.7.1: :1397, 0.8.0: :1536, 0.9.1:
:1579), behind init_workers; workers/utils/losses.py:101 (0.9.1), workers/actor/dp_actor.py:603 (0.7.1)
Bad:
    algorithm.rollout_correction.bypass_mode=True algorithm.rollout_correction.loss_type=reinforce
Good:
    algorithm.rollout_correction.bypass_mode=True
Bad:
    algorithm.rollout_correction.bypass_mode=True algorithm.rollout_correction.rollout_rs=seq_mean_k3
    algorithm.rollout_correction.rollout_rs_threshold=0.01
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, uses_v1
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS132", "correction-unread", "error")

CORRECTION = "algorithm.rollout_correction"
BYPASS, LOSS = f"{CORRECTION}.bypass_mode", f"{ACTOR}.policy_loss.loss_mode"
# What asks for something → the value that asks for nothing.
ASKED = {"loss_type": "ppo_clip", "rollout_is": None, "rollout_rs": None}


def check(view: View) -> Iterator[Found]:
    if not view.value(BYPASS) or view.value(LOSS) == "bypass_mode":
        return
    for name, nothing in ASKED.items():
        key = f"{CORRECTION}.{name}"
        if view.said(key) is not None and view.value(key) not in (nothing, None):
            yield Found(
                f"{view.shown(key)} does not reach the actor under {view.shown(BYPASS)}",
                (key, BYPASS),
                fix=f"{BYPASS}=False" if name != "loss_type" else f"drop it, or {LOSS}=bypass_mode",
                why="the actor's loss stays what actor.policy_loss.loss_mode says",
                severity="error" if uses_v1(view) else "warning",
            )
            return
