"""Calls that are written and never executed: what the errors are decided with as well.

verl executes `parallel_calls` of a turn, and the reward counts all that the policy writes. A punishment without a cap
can be made as large as one likes by so many calls, which nobody seeks; a pay without a cap too, which the policy does.
So the properties whose break is an error are asked again of turns with as many calls as their tokens allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.properties import Property
from toolspec.compiler.reward.reward import Reward
from toolspec.compiler.reward.search import Asked, search
from toolspec.compiler.reward.throughout import Stage
from toolspec.compiler.reward.vector import Budget
from toolspec.compiler.reward.verdict import Verdict, verdict

CALL_TOKENS = 16
"""Of a short call: its marks, the name, and an argument or none."""
MOST = 20
"""Calls up to which caps and free calls are passed; beyond them pays are straight lines."""
LONGEST = 110


def grows(asked: Property) -> bool:
    """Whether it is asked of calls beyond the executed ones too."""
    return asked.severity == "error" and asked.form == "best"


def most_written(budget: Budget) -> int:
    """The most calls that are looked at, where that is more than the budget executes; else 0."""
    most = min(MOST, budget.tokens // CALL_TOKENS)
    return most if budget.parallel and most > budget.calls else 0


def wider(reward: Reward, budget: Budget, most: int = MOST) -> Budget | None:
    """A budget of few turns with so many calls at most, or with as many as its tokens allow; None for no more calls.

    All turns are left where the last of them is paid.
    """
    most = min(most, budget.tokens // CALL_TOKENS)
    if not budget.parallel or most <= budget.calls:
        return None
    turns = budget.turns if reward.by_last_turn else min(budget.turns, 2)
    return budget._replace(turns=turns, beyond=max(0, most // turns - budget.parallel))


def written(stages: Sequence[Stage], found: Sequence[Verdict]) -> Iterator[Verdict]:
    """The verdicts, with those that calls beyond the executed ones refute."""
    for each in found:
        if grows(each.asked) and each.outcome == "proved":
            yield next(_refuted(stages, each.asked), each)
        else:
            yield each


def _refuted(stages: Sequence[Stage], asked: Property) -> Iterator[Verdict]:
    for stage in stages:
        pay = stage.pay(stage.case.first)
        for most in (MOST, LONGEST):
            wide = wider(stage.case.reward, stage.budget, most)
            if wide is None or (most > MOST and not _rising(pay, asked)):
                continue
            pay = Pay(stage.case.reward, wide, stage.tables)
            again = verdict(pay, asked)
            if again.outcome == "refuted":
                yield again._replace(case=stage.case)


def _rising(pay: Pay, asked: Property) -> bool:
    """Whether the best with as many calls as there are is paid more than the best with one less."""
    most = pay.budget.calls
    paid = []
    for calls in (most - 1, most):
        where = tuple(region._replace(calls=(calls, calls)) for region in asked.worse(pay.reward.need))
        found = search(pay, where, Asked(False))
        paid.append(max((best.pay for best in found.values()), default=None))
    return paid[1] is not None and (paid[0] is None or paid[1] > paid[0])
