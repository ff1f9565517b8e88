"""A KL term with the coefficient 0.

The term is a product with the coefficient, also with `kl_ctrl.type=adaptive`, which multiplies it. The reference
model is loaded and run at every step all the same.

Why: the reference costs memory and a forward pass a step, and holds nothing back.
Source: trainer/ppo/core_algos.py FixedKLController, AdaptiveKLController (0.9.1: :157-212); workers/utils/losses.py
Bad:
    algorithm.use_kl_in_reward=True algorithm.kl_ctrl.kl_coef=0 actor_rollout_ref.actor.use_kl_loss=False
Good:
    algorithm.use_kl_in_reward=True algorithm.kl_ctrl.kl_coef=0.001 actor_rollout_ref.actor.use_kl_loss=False
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.rules.kl_coefficient_unused import TERMS
from toolspec.specs.problem import Severity

RULE = Rule("TS112", "kl-of-zero", "warning")


def check(view: View) -> Iterator[Found]:
    for coefficient, switch in TERMS:
        if not view.true(switch) or view.number(coefficient) != 0:
            continue
        # In the loss some want the metric alone.
        severity: Severity = "note" if switch.endswith("use_kl_loss") else "warning"
        yield Found(
            f"{view.shown(switch)} with {view.shown(coefficient)}",
            (coefficient, switch),
            fix=f"{switch}=False, or {coefficient}=0.001",
            why="the reference model is loaded and run at every step, and its term is 0",
            severity=severity,
        )
