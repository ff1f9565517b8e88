"""The whole analysis of one reward within one budget. Pure: the same input gives the same answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from toolspec.compiler.reward.intervals import Intervals
from toolspec.compiler.reward.matcher import matcher_verdict
from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.properties import Severity
from toolspec.compiler.reward.repair import Repair, Span, repairs, spans
from toolspec.compiler.reward.reward import Reward, reward
from toolspec.compiler.reward.vector import Budget
from toolspec.compiler.reward.verdict import Verdict, verdicts

MOST_CALLS = 120
"""Calls of a trajectory beyond which the analysis takes the part of the budget that it can go through."""


class Analysis(NamedTuple):
    """assumed: what was taken for granted, to be shown."""

    reward: Reward
    budget: Budget
    verdicts: tuple[Verdict, ...]
    spans: tuple[Span, ...]
    repairs: tuple[Repair, ...]
    assumed: tuple[str, ...]

    def broken(self, severity: Severity) -> tuple[Verdict, ...]:
        return tuple(
            each for each in self.verdicts if each.outcome == "refuted" and each.asked.severity == severity
        )

    def repair(self, verdict: Verdict) -> Repair | None:
        """The smallest change that mends it, None where no change of one number does."""
        return next((each for each in self.repairs if each.asked == verdict.asked), None)


def read(settings: Mapping[str, Any], budget: Budget) -> tuple[Reward, Budget, tuple[str, ...]]:
    """The reward of ts_reward.json's content, the budget that is gone through, and what is assumed."""
    found = reward(settings["terms"], settings.get("overlong"), settings.get("clip"))
    assumed = list(dict.fromkeys(found.assumed))
    if budget.parallel:
        calls = "1 call" if budget.parallel == 1 else f"{budget.parallel} calls"
        assumed.append(f"a turn opens at most {calls}, as many as are executed")
    if budget.calls > MOST_CALLS:
        fits = budget._replace(turns=max(2, MOST_CALLS // budget.parallel))
        if fits.calls > MOST_CALLS:
            fits = fits._replace(parallel=MOST_CALLS // fits.turns)
        assumed.append(
            f"{fits.turns} turns of {fits.parallel} calls in place of {budget.turns} of {budget.parallel}"
        )
        budget = fits
    if any(each.get("schedule") for each in settings["terms"]):
        assumed.append("weights with a `schedule` are those of the first step")
    return found, budget, tuple(assumed)


def analyse(settings: Mapping[str, Any], budget: Budget, numbers: bool = True) -> Analysis:
    """numbers: intervals and repairs too, which take most of the time."""
    found, budget, assumed = read(settings, budget)
    pay = Pay(found, budget)
    told = (*verdicts(pay), matcher_verdict(settings))
    if not numbers:
        return Analysis(found, budget, told, (), (), assumed)
    intervals = Intervals(pay)
    return Analysis(found, budget, told, spans(intervals, told), repairs(intervals, told), assumed)
