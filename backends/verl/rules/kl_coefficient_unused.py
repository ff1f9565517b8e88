"""A KL coefficient without the KL term that it belongs to.

`algorithm.kl_ctrl.*` is read with `algorithm.use_kl_in_reward`, `actor.kl_loss_coef` and `kl_loss_type` with
`actor.use_kl_loss`. Both switches are off where nobody sets them, and without either there is no reference model.

Why: the run has no KL control although it names a coefficient.
Source: trainer/ppo/utils.py need_reference_policy, trainer/ppo/ray_trainer.py and trainer/ppo/v1/trainer_base.py
_compute_advantage (apply_kl_penalty), workers/utils/losses.py and (0.7.1) workers/actor/dp_actor.py
Bad:
    algorithm.kl_ctrl.kl_coef=0.01 ~actor_rollout_ref.actor.use_kl_loss
    +actor_rollout_ref.actor.use_kl_loss=False
Good:
    algorithm.kl_ctrl.kl_coef=0.01 algorithm.use_kl_in_reward=True actor_rollout_ref.actor.use_kl_loss=False
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, has_reference
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS111", "kl-coefficient-unused", "warning")

TERMS = (
    ("algorithm.kl_ctrl.kl_coef", "algorithm.use_kl_in_reward"),
    (f"{ACTOR}.kl_loss_coef", f"{ACTOR}.use_kl_loss"),
)


def check(view: View) -> Iterator[Found]:
    if has_reference(view) or view.run.spec is not None:
        return  # a spec writes the coefficients of both terms
    for coefficient, switch in TERMS:
        if view.said(coefficient) is None or not view.value(coefficient):
            continue
        if view.said(switch) is not None:
            continue  # it is off because somebody wrote so
        yield Found(
            f"{view.shown(coefficient)}, and {view.shown(switch)}",
            (coefficient, switch),
            fix=f"{switch}=True, or drop the coefficient",
            why="no KL term is on: nothing reads the coefficient and there is no reference model",
        )
