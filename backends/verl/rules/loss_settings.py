"""Settings that the chosen policy loss asserts.

`clip_ratio_c` above 1 (vanilla), a positive `clip_cov_ratio` (clip_cov) or `kl_cov_ratio` (kl_cov), a positive
`dro_beta`, which has no default (dro).

Why: the run stops at the first update, after a whole rollout.
Source: trainer/ppo/core_algos.py:1331 (vanilla), :1795, :1887, :2029 of 0.9.1; the first three the same in 0.7.1 and
0.8.0
Bad:
    actor_rollout_ref.actor.policy_loss.loss_mode=dro
Good:
    actor_rollout_ref.actor.policy_loss.loss_mode=dro actor_rollout_ref.actor.policy_loss.dro_beta=0.1
Bad:
    actor_rollout_ref.actor.clip_ratio_c=1.0
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS116", "loss-settings", "error")

LOSS = f"{ACTOR}.policy_loss"
# loss → (key, what it must be above, whether null has a value in the code, a value to take)
ABOVE = {
    "vanilla": (f"{ACTOR}.clip_ratio_c", 1.0, True, 3.0),
    "clip_cov": (f"{LOSS}.clip_cov_ratio", 0.0, True, 0.0002),
    "kl_cov": (f"{LOSS}.kl_cov_ratio", 0.0, True, 0.0002),
    "dro": (f"{LOSS}.dro_beta", 0.0, False, 0.1),
}


def check(view: View) -> Iterator[Found]:
    mode = view.text(f"{LOSS}.loss_mode")
    if mode not in ABOVE or not view.has(ABOVE[mode][0]):
        return
    key, least, null_is_fine, sensible = ABOVE[mode]
    value = view.value(key)
    if value is None and null_is_fine:
        return
    if value is None or view.number(key) <= least:
        yield Found(
            f"the loss `{mode}` wants {key} above {least:g}, and it is {'null' if value is None else value}",
            (key, f"{LOSS}.loss_mode"),
            fix=f"{key}={sensible:g}",
            why="verl stops at the first update",
        )
