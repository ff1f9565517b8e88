"""What an update sees of the scores: groups without a difference, small rewards made large, and the KL penalty.

Group estimators take a group's mean off each score (grpo: core_algos.py compute_grpo_outcome_advantage of 0.9.1, with
`normalize` over the group's standard deviation, torch.std, which divides by n − 1). Where all scores of a group are the
same, nothing is learnt from it. PPO whitens its advantages over the batch (compute_gae_advantage_return), so the size
of the rewards is seen by the critic and by a KL penalty that is part of the reward.
"""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from typing import NamedTuple

from toolspec.compiler.reward.reward import Reward
from toolspec.compiler.reward.vector import Budget, Vector

RATES = (Fraction(1, 32), Fraction(1, 8), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(7, 8))
SIZES = (4, 8, 16, 32, 64)
GROUPED = ("grpo", "rloo")


class Silent(NamedTuple):
    """Of prompts that the policy solves at `rate`: the share of groups that are all right or all wrong.

    enough: the smallest group for which that is at most a half.
    """

    rate: Fraction
    share: Fraction
    enough: int


class Signal(NamedTuple):
    """right: what a right answer adds to a trajectory with the calls it needs. aside: the most that an honest wrong one
    is paid above one that says nothing. silent: of group estimators.

    advantage: of the only trajectory of a group that is paid `aside`, all being wrong; of the only right one, where
    `lone_right`. kl_a_token: nats of KL a token that cost as much as a right answer pays, None where no KL is in the
    reward.
    """

    estimator: str
    group: int
    normalize: bool
    right: Fraction
    aside: Fraction
    silent: tuple[Silent, ...]
    advantage: float | None
    lone_right: float | None
    kl_where: str
    kl_coef: float
    kl_a_token: float | None
    returns: tuple[Fraction, Fraction]


def silent_share(rate: Fraction, group: int) -> Fraction:
    return rate**group + (1 - rate) ** group


def lone_advantage(pay: Fraction, group: int, normalize: bool) -> float:
    """Of the one of a group that is paid `pay` more than all others, which are paid alike."""
    above = pay * (group - 1) / group
    if not normalize:
        return float(above)
    return (1 if pay > 0 else -1) * sqrt((group - 1) ** 2 / group) if pay else 0.0


def signal(
    reward: Reward,
    budget: Budget,
    estimator: str,
    group: int,
    normalize: bool,
    kl_where: str,
    kl_coef: float,
    tokens: int,
) -> Signal:
    plain = Vector(answer="none")
    calls = min(reward.need, budget.calls and reward.need, (budget.turns - 1) * budget.parallel)
    turns = 1 + -(-calls // budget.parallel) if calls else 1
    tried = Vector(turns=turns, valid=calls, answer="wrong", formed=True)
    solved = tried._replace(answer="right")
    right = reward.score(solved) - reward.score(tried)
    aside = reward.score(tried) - reward.score(plain)
    grouped = estimator in GROUPED and group > 1
    silent = (
        tuple(Silent(rate, silent_share(rate, group), _enough(rate)) for rate in RATES) if grouped else ()
    )
    # rloo takes the mean of the others off: n / (n − 1) of the distance from the group's.
    scale = Fraction(group, group - 1) if estimator == "rloo" and grouped else Fraction(1)
    normal = normalize and estimator == "grpo"
    scores = [reward.score(one) for one in (plain, tried, solved)]
    return Signal(
        estimator,
        group,
        normal,
        right,
        aside,
        silent,
        lone_advantage(aside * scale, group, normal) if grouped else None,
        lone_advantage(right * scale, group, normal) if grouped else None,
        kl_where,
        kl_coef,
        float(right) / (kl_coef * tokens) if kl_where == "reward" and kl_coef else None,
        (min(scores), max(scores)),
    )


def _enough(rate: Fraction) -> int:
    group = 2
    while silent_share(rate, group) > Fraction(1, 2):
        group += 1
    return group
