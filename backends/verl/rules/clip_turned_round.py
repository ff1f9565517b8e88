"""An upper clip ratio below the lower one.

Clip-higher (DAPO) wants the upper bound wider, 0.2 and 0.28, so that rare tokens may grow. Nothing compares the two.

Why: tokens may fall further than they may rise, and entropy collapses faster.
Source: trainer/ppo/core_algos.py:1321-1358 (0.9.1), the same in 0.7.1 and 0.8.0
Bad:
    actor_rollout_ref.actor.clip_ratio_low=0.28 actor_rollout_ref.actor.clip_ratio_high=0.2
Good:
    actor_rollout_ref.actor.clip_ratio_low=0.2 actor_rollout_ref.actor.clip_ratio_high=0.28
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.rules.clip_ratio_unread import HIGH, LOW

RULE = Rule("TS114", "clip-turned-round", "warning")

# Losses whose ratio is bounded by both; CISPO's lower bound is set wide on purpose (it clips weights, not a ratio).
BOTH = frozenset({"vanilla", "gspo", "geo_mean", "clip_cov"})


def check(view: View) -> Iterator[Found]:
    if view.value(LOW) is None or view.value(HIGH) is None:
        return
    if view.text(f"{ACTOR}.policy_loss.loss_mode") not in BOTH:
        return
    low, high = view.number(LOW), view.number(HIGH)
    if high < low:
        yield Found(
            f"clip_ratio_high={high:g} is below clip_ratio_low={low:g}",
            (HIGH, LOW),
            fix=f"{LOW}={high:g} {HIGH}={low:g}",
            why="clip-higher wants the upper bound wider",
        )
