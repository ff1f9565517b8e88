"""Rollout correction without the rollout's log-probabilities.

`bypass_mode` takes the engine's log-probabilities as the old ones, and `rollout_is` and `rollout_rs` compare them with
the trainer's. The engine returns them with `rollout.calculate_log_probs`, which is off up to 0.8.0 where nobody sets
it, and on from 0.9.0.

Why: the run stops after the first rollout (bypass_mode), or corrects nothing without a word.
Source: trainer/ppo/v1/trainer_base.py:1644-1650, :1763-1766 (0.9.1); apply_bypass_mode in
trainer/ppo/rollout_corr_helper.py (0.8.0: :1124, 0.7.1: :1061); trainer/ppo/ray_trainer.py:1652 (0.9.1), :1610
(0.8.0), :1471 (0.7.1)
Bad:
    algorithm.rollout_correction.bypass_mode=True actor_rollout_ref.rollout.calculate_log_probs=False
Good:
    algorithm.rollout_correction.bypass_mode=True actor_rollout_ref.rollout.calculate_log_probs=True
Bad (verl 0.8.0):
    algorithm.rollout_correction.rollout_is=token
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS120", "log-probs-missing", "error")

CORRECTION, LOG_PROBS = "algorithm.rollout_correction", f"{ROLLOUT}.calculate_log_probs"
EFFECT = {
    "bypass_mode": "the first step stops: there are no log-probabilities to take",
    "rollout_is": "verl skips the correction without a word",
    "rollout_rs": "verl skips the rejection without a word",
}


def check(view: View) -> Iterator[Found]:
    if view.true(LOG_PROBS) or view.value(f"{ROLLOUT}.agent.agent_loop_manager_class"):
        return
    for name, why in EFFECT.items():
        key = f"{CORRECTION}.{name}"
        if view.value(key):
            yield Found(
                f"{view.shown(key)}, and {view.shown(LOG_PROBS)}",
                (key, LOG_PROBS),
                fix=f"{LOG_PROBS}=True",
                why=why,
            )
            return
