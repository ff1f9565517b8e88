"""Calls that are written and never executed: what the errors are decided with as well.

verl executes `parallel_calls` of a turn, and the reward counts all that the policy writes. A punishment without a cap
can be made as large as one likes by so many calls, which nobody seeks; a pay without a cap too, which the policy does.
So the properties whose break is an error are asked again of turns with as many calls as their tokens allow.
"""

from __future__ import annotations

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
FEW = 2
"""Turns that are looked at with more than MOST calls."""


def grows(asked: Property) -> bool:
    """Whether it is asked of calls beyond the executed ones too."""
    return asked.severity == "error" and asked.form == "best"


def wider(reward: Reward, budget: Budget, most: int = MOST) -> Budget | None:
    """The budget with so many calls, or as many as its tokens allow, in few turns; None where no turn has more.

    More turns let more calls fail, and are more turns: they are looked at where that is paid.
    """
    most = min(most, budget.tokens // CALL_TOKENS)
    if not budget.parallel or most <= budget.parallel:
        return None
    by_turns = reward.by_last_turn or any(
        term.weight > 0 and term.worth.group in ("turns", "errors") for term in reward.terms
    )
    turns = budget.turns if by_turns and most <= MOST else min(budget.turns, FEW)
    return budget._replace(
        turns=turns, beyond=most - budget.parallel, most=most, limit=budget.limit or budget.turns
    )


def written(stage: Stage, found: Verdict) -> Verdict:
    """The verdict of a stage, refuted where calls beyond the executed ones break it."""
    if not grows(found.asked) or found.outcome != "proved":
        return found
    pay = stage.pay(stage.case.first)
    for most in (MOST, LONGEST):
        wide = wider(stage.case.reward, stage.budget, most)
        if wide is None or (most > MOST and not _rising(pay, found.asked)):
            continue
        pay = Pay(stage.case.reward, wide, stage.tables)
        again = verdict(pay, found.asked)
        if again.outcome == "refuted":
            return again._replace(case=stage.case)
    return found


def _rising(pay: Pay, asked: Property) -> bool:
    """Whether the best with as many calls as there are is paid more than the best with one less."""
    most = pay.budget.calls
    paid = []
    for calls in (most - 1, most):
        where = tuple(region._replace(calls=(calls, calls)) for region in asked.worse(pay.reward.need))
        found = search(pay, where, Asked(False))
        paid.append(max((best.pay for best in found.values()), default=None))
    return paid[1] is not None and (paid[0] is None or paid[1] > paid[0])
