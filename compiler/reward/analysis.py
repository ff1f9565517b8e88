"""The whole analysis of one reward within one budget. Pure: the same input gives the same answer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

from toolspec.compiler.reward.cases import Case, Needs, asks_rows, cases
from toolspec.compiler.reward.combined import Part, verdicts_of
from toolspec.compiler.reward.intervals import Intervals
from toolspec.compiler.reward.matcher import Tried, matcher_verdicts
from toolspec.compiler.reward.pay import Pay, TermTables
from toolspec.compiler.reward.properties import Severity
from toolspec.compiler.reward.repair import Repair, Span, repairs, spans
from toolspec.compiler.reward.reward import Reward
from toolspec.compiler.reward.throughout import Stage
from toolspec.compiler.reward.vector import Budget
from toolspec.compiler.reward.verdict import Verdict
from toolspec.compiler.reward.words import counted
from toolspec.compiler.reward.written import wider

MOST_CALLS = 120
"""Calls of a trajectory beyond which the analysis takes the part of the budget that it can go through."""
MOST_ALIKE = 4
"""Numbers of needed calls up to which the intervals are those in which a property holds for all of them."""
MOST_GUESSED = 6
"""Of the needed calls that are gone through where no rows are at hand."""


class Analysis(NamedTuple):
    """reward, spans, repairs: of the first of the cases. parts: of several cases what each says of each property.

    assumed: what was taken for granted, to be shown.
    """

    reward: Reward
    budget: Budget
    verdicts: tuple[Verdict, ...]
    spans: tuple[Span, ...]
    repairs: tuple[Repair, ...]
    assumed: tuple[str, ...]
    parts: tuple[Part, ...] = ()

    def broken(self, severity: Severity) -> tuple[Verdict, ...]:
        return tuple(
            each for each in self.verdicts if each.outcome == "refuted" and each.severity == severity
        )

    def repair(self, verdict: Verdict) -> Repair | None:
        """The smallest change that mends it, None where no change of one number does."""
        return next((each for each in self.repairs if each.asked == verdict.asked), None)

    @property
    def said(self) -> tuple[Verdict, ...]:
        """Those that say something of this reward: without those that it cannot have a case of."""
        return tuple(
            each for each in self.verdicts if each.outcome != "no-case" or each.why != each.asked.no_case
        )

    def reward_of(self, verdict: Verdict) -> Reward:
        """With the weights that its pairs are scored with."""
        return self.reward if verdict.case is None else verdict.case.reward


def read(
    settings: Mapping[str, Any], budget: Budget, needs: Needs | None = None
) -> tuple[tuple[Case, ...], Budget, tuple[str, ...]]:
    """The cases of ts_reward.json's content, the budget that is gone through, and what is assumed.

    needs: the numbers of calls that rows need, None where the rows are not at hand.
    """
    assumed = []
    if budget.calls > MOST_CALLS:
        turns = max(2, MOST_CALLS // budget.written)
        fits = budget._replace(turns=turns, limit=budget.limit or budget.turns)
        if fits.calls > MOST_CALLS:
            fits = fits._replace(parallel=max(1, MOST_CALLS // fits.turns), beyond=0)
        assumed.append(
            f"{fits.turns} turns of {fits.parallel} calls in place of {budget.turns} of {budget.parallel}"
        )
        budget = fits
    most = budget.executed(budget.turns)
    asked = needs or Needs((*range(min(most, MOST_GUESSED) + 1), most))
    if needs is None and asks_rows(settings) and most > MOST_GUESSED:
        assumed.append(f"rows need 0 to {MOST_GUESSED} calls, or {most}, the most that are executed")
    # Whoever needs more calls than there can be has all of them free.
    asked = asked._replace(numbers=tuple(sorted({min(each, budget.calls) for each in asked.numbers})))
    found = cases(settings, asked)
    return found, budget, (*dict.fromkeys(found[0].reward.assumed), *assumed)


def analyse(
    settings: Mapping[str, Any],
    budget: Budget,
    numbers: bool = True,
    needs: Needs | None = None,
    tried: Tried | None = None,
    spanned: bool = True,
) -> Analysis:
    """numbers: intervals and repairs too, which take most of the time; repairs alone where not `spanned`.

    needs: see `read`. tried: what the runtime's matcher took for right, None where it was not asked.
    """
    found, budget, assumed = read(settings, budget, needs)
    tables: dict[Hashable, TermTables] = {}
    stages = [Stage(case, budget, tables) for case in found]
    whole, parts = verdicts_of(stages, needs is None and found[0].need is not None)
    told = (*whole, *matcher_verdicts(settings, tried))
    alike = [stage for stage in stages if stage.case.first == 1]
    if len(alike) > MOST_ALIKE or needs is None:
        alike = alike[1:2] or alike
    more = []
    if len(alike) < len(stages):
        more.append(f"in the intervals, {'; '.join(stage.case.words for stage in alike)}")
    if budget.parallel:
        most = counted(budget.written, "call")
        more.append(f"for warnings and notes, a turn opens at most {most}, as many as are executed")
    reward = found[0].reward
    wide = wider(reward, budget)
    if wide is not None:
        more.append(f"for errors, a trajectory has up to {wide.most} calls, executed or not")
    assumed = (*assumed, *more)
    if not numbers:
        return Analysis(reward, budget, told, (), (), assumed, parts)
    more_calls = [Pay(stage.case.reward, wide, tables) for stage in alike] if wide is not None else []
    intervals = Intervals([stage.pay(1) for stage in alike], more_calls)
    all_spans = spans(intervals, told) if spanned else ()
    return Analysis(reward, budget, told, all_spans, repairs(intervals, told), assumed, parts)
