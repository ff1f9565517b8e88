"""A KL penalty in the reward and in the loss.

Both terms hold the policy to the reference with a coefficient of their own. verl prints a notice and goes on.

Why: the policy is held back twice, and with group-relative estimators the one in the reward also enters the group's
statistics.
Source: utils/config.py validate_config (0.9.1: :184-185)
Bad:
    algorithm.use_kl_in_reward=True actor_rollout_ref.actor.use_kl_loss=True
Good:
    algorithm.use_kl_in_reward=False actor_rollout_ref.actor.use_kl_loss=True
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS115", "kl-twice", "warning")


def check(view: View) -> Iterator[Found]:
    if view.true("algorithm.use_kl_in_reward") and view.true(f"{ACTOR}.use_kl_loss"):
        in_reward = view.value("algorithm.kl_ctrl.kl_coef")
        in_loss = view.value(f"{ACTOR}.kl_loss_coef")
        yield Found(
            f"KL is penalised in the reward (kl_coef {in_reward}) and in the loss (kl_loss_coef {in_loss})",
            ("algorithm.use_kl_in_reward", f"{ACTOR}.use_kl_loss"),
            fix="algorithm.use_kl_in_reward=False",
            changes=(Put("algorithm.use_kl_in_reward", False),),
        )
