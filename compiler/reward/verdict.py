"""Whether each property holds: proved, refuted by a pair of trajectories, or unknown."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, NamedTuple

from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.properties import PROPERTIES, Property
from toolspec.compiler.reward.region import Set
from toolspec.compiler.reward.search import Asked, Best, search
from toolspec.compiler.reward.vector import Vector
from toolspec.compiler.reward.worth import Value

Outcome = Literal["proved", "refuted", "unknown", "no-case"]


class Pair(NamedTuple):
    """Two trajectories with their exact scores; `better` is the one that ought to be paid more."""

    better: Vector
    worse: Vector
    better_score: Fraction
    worse_score: Fraction


class Verdict(NamedTuple):
    """margin: by how much the property holds at its narrowest, below 0 by how much it is broken; None without a case.

    pair: where that is. plainest: of a refuted property, a pair with the fewest calls that breaks it.
    why: of `unknown` and `no-case`. by_probe: the pair was played, not worked out: its scores are the runtime's.
    """

    asked: Property
    outcome: Outcome
    margin: Fraction | None = None
    pair: Pair | None = None
    plainest: Pair | None = None
    why: str = ""
    by_probe: bool = False


def verdicts(pay: Pay) -> tuple[Verdict, ...]:
    return tuple(verdict(pay, each) for each in PROPERTIES)


def verdict(pay: Pay, asked: Property) -> Verdict:
    if asked.needs_calls and not pay.budget.calls:
        return Verdict(asked, "no-case", why="the run has no tools")
    pair = narrowest(pay, asked)
    if pair is None:
        return Verdict(asked, "no-case", why="the budget has no such trajectory")
    margin = pair.better_score - pair.worse_score
    if clipped_step(pay, asked):
        bare = pay.reward._replace(clip=None)
        margin = bare.score(pair.better) - bare.score(pair.worse)
    slack, free = _free(pay)
    if slack is None or (slack and breaks(asked, margin - slack) != breaks(asked, margin + slack)):
        why = f"it hangs on {', '.join(free)}, which no count decides"
        return Verdict(asked, "unknown", margin, pair, why=why)
    if not breaks(asked, margin):
        # Where the sum is clipped, steps that cost most may cost nothing: the least margin is not known then.
        return Verdict(asked, "proved", None if clipped_step(pay, asked) else margin, pair)
    if clipped_step(pay, asked) and not breaks(asked, pair.better_score - pair.worse_score):
        return Verdict(asked, "unknown", None, pair, why="the clipped sum hides it, or not")
    return Verdict(asked, "refuted", margin, pair, plainest(pay, asked) or pair)


def breaks(asked: Property, margin: Fraction) -> bool:
    return margin < 0 or (margin == 0 and not asked.ties)


def clipped_step(pay: Pay, asked: Property) -> bool:
    return asked.move is not None and pay.reward.clip is not None


def narrowest(pay: Pay, asked: Property, most: int | None = None) -> Pair | None:
    """The pair with the least margin; `most` bounds the calls of both. None where there is none."""
    better = _within(asked.better(pay.reward.need), most)
    if asked.move is not None:
        found = search(pay, better, Asked(True, asked.move))
        return _scored(pay, *_steps(next(iter(found.values())))) if found else None
    worse = _within(asked.worse(pay.reward.need), most)
    alike = asked.form == "alike"
    low = search(pay, better, Asked(asked.form != "best", by_valid=alike))
    high = search(pay, worse, Asked(False, by_valid=alike))
    shared = [key for key in low if key in high]
    if not shared:
        return None
    pairs = [_scored(pay, low[key].one, high[key].one) for key in shared]
    return min(pairs, key=lambda pair: pair.better_score - pair.worse_score)


def plainest(pay: Pay, asked: Property) -> Pair | None:
    """The breaking pair of the smallest number of calls. A `best` is compared with the best of all."""
    if asked.form == "best":
        return None
    for most in range(pay.budget.calls + 1):
        pair = narrowest(pay, asked, most)
        if pair is not None and breaks(asked, pair.better_score - pair.worse_score):
            return pair
    return None


def _steps(best: Best) -> tuple[Vector, Vector]:
    assert best.other is not None
    return best.one, best.other


def _scored(pay: Pay, better: Vector, worse: Vector) -> Pair:
    return Pair(better, worse, pay.reward.score(better), pay.reward.score(worse))


def _within(where: Set, most: int | None) -> Set:
    return where if most is None else tuple(region.within(most) for region in where)


def _free(pay: Pay) -> tuple[Fraction | None, list[str]]:
    """(the most that terms without an exact value can differ by, None for any amount; their names)."""
    slack: Fraction | None = Fraction(0)
    names = []
    for each in pay.reward.terms:
        if each.worth.group != "free" or not each.weight:
            continue
        names.append(f"`{each.name}`")
        bounds = each.worth.bounds
        if bounds is not None and slack is not None:
            slack += abs(each.pays(Value(bounds[1])) - each.pays(Value(bounds[0])))
        else:
            slack = None
    return slack, names
