"""A group-relative estimator with one trajectory a prompt.

GRPO and its kin subtract the group's mean. For a group of one core_algos takes mean 0 and deviation 1, so that the
advantage is the raw reward: there is no baseline, and every non-negative reward is pushed up. `rollout.n` is 1 where
it is not set. Left alone are a run that distils a teacher, which has a loss beside it, and one with `trainer.val_only`,
which trains nothing.

Why: the run trains, and is not the algorithm that was asked for.
Source: trainer/ppo/core_algos.py compute_grpo_outcome_advantage (0.9.1: :315-317), run on 0.7.1 and 0.9.1
Bad:
    algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n=1
Good:
    algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n=8
Good:
    algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n=1 trainer.val_only=True trainer.val_before_train=True
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT, distils, group
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS110", "group-of-one", "error")

GROUP_RELATIVE = frozenset(
    {
        "grpo",
        "grpo_vectorized",
        "grpo_passk",
        "rloo",
        "rloo_vectorized",
        "reinforce_plus_plus_baseline",
        "opo",
        "gdpo",
    }
)


def check(view: View) -> Iterator[Found]:
    estimator = view.text("algorithm.adv_estimator")
    if estimator not in GROUP_RELATIVE or group(view) != 1 or distils(view):
        return
    if view.value("trainer.val_only"):
        return
    where = "" if view.said(f"{ROLLOUT}.n") is not None else ", the default"
    yield Found(
        f"{estimator} compares the trajectories of a prompt, and rollout.n is 1{where}",
        (f"{ROLLOUT}.n", "algorithm.adv_estimator"),
        fix=f"{ROLLOUT}.n=8",
        changes=(Put(f"{ROLLOUT}.n", 8),),
        why="with one the advantage is the raw reward, without a baseline",
    )
