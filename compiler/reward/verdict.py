"""Whether each property holds: proved, refuted by a pair of trajectories, or unknown."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, NamedTuple

from toolspec.compiler.reward.cases import Case
from toolspec.compiler.reward.clipped import TooManyError, worst_step
from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.properties import PROPERTIES, Property, Severity
from toolspec.compiler.reward.region import Set
from toolspec.compiler.reward.search import Asked, Best, search
from toolspec.compiler.reward.vector import Vector
from toolspec.compiler.reward.worth import Value

Outcome = Literal["proved", "refuted", "unknown", "no-case"]


class Pair(NamedTuple):
    """Two trajectories with their exact scores; `better` is the one that ought to be paid more.

    near: of equal scores, 1 where the worse one only comes near to its own, -1 where it gains next to nothing.
    """

    better: Vector
    worse: Vector
    better_score: Fraction
    worse_score: Fraction
    near: int = 0

    @property
    def margin(self) -> Fraction:
        return self.better_score - self.worse_score


class Verdict(NamedTuple):
    """margin: by how much the property holds at its narrowest, below 0 by how much it is broken; None without a case.

    pair: where that is. plainest: of a refuted property, a pair with the fewest calls that breaks it.
    why: of `unknown` and `no-case`, and where it holds or breaks not everywhere. by_probe: the pair was played, and not
    worked out; its scores are the runtime's.
    case: whose weights and needed calls the pairs are scored with. level: see `severity`.
    """

    asked: Property
    outcome: Outcome
    margin: Fraction | None = None
    pair: Pair | None = None
    plainest: Pair | None = None
    why: str = ""
    by_probe: bool = False
    case: Case | None = None
    level: Severity | None = None

    @property
    def severity(self) -> Severity:
        """Of its break: the property's, where nothing makes it graver."""
        return self.level or self.asked.severity

    @property
    def later(self) -> bool:
        """Whether it is of weights that come with a later step of the training."""
        return self.case is not None and self.case.first > 1

    @property
    def shown(self) -> Pair | None:
        """The pair that is shown of a refuted one."""
        return self.plainest or self.pair


def verdicts(pay: Pay) -> tuple[Verdict, ...]:
    return tuple(verdict(pay, each) for each in PROPERTIES)


def verdict(pay: Pay, asked: Property) -> Verdict:
    if asked.needs_calls and not pay.budget.calls:
        return Verdict(asked, "no-case", why="the run has no tools")
    try:
        pair, hidden = narrowest(pay, asked), False
    except TooManyError:
        pair, hidden = _unclipped(pay, asked), True
    if pair is None:
        return Verdict(asked, "no-case", why=asked.no_case or "the budget has no such trajectory")
    slack, free = _free(pay)
    if slack is None or slack:
        bare = _unclipped(pay, asked) or pair
        margin = pair.margin if asked.move is None else bare.margin
        if slack is None or breaks(asked, margin - slack) != breaks(asked, margin + slack):
            why = f"it hangs on {', '.join(free)}, which no count decides (toolspec reward --probe tries it)"
            return Verdict(asked, "unknown", pair.margin, pair, why=why)
    if hidden:
        # Steps that cost most may cost nothing after clipping: the least margin is not known then.
        if pay.reward.sum(pair.better) >= pay.reward.sum(pair.worse):
            return Verdict(asked, "proved", None, pair)
        if not broken(asked, pair):
            return Verdict(asked, "unknown", None, pair, why="the clipped sum hides it, or not")
    if not broken(asked, pair):
        return Verdict(asked, "proved", pair.margin, pair)
    return Verdict(asked, "refuted", pair.margin, pair, plainest(pay, asked) or pair)


def breaks(asked: Property, margin: Fraction, near: int = 0) -> bool:
    return margin < 0 or (margin == 0 and (near < 0 or (not near and not asked.ties)))


def broken(asked: Property, pair: Pair) -> bool:
    return breaks(asked, pair.margin, pair.near)


def narrowest(pay: Pay, asked: Property, most: int | None = None) -> Pair | None:
    """The pair with the least margin; `most` bounds the calls of both, of a `best` those of the worse one.

    None where there is none.

    Raises TooManyError for a step under a clipped sum that has too many sums.
    """
    if asked.move is not None and pay.reward.clip is not None:
        step = worst_step(pay, _within(asked.better(pay.reward.need), most), asked.move)
        if step is None:
            return None
        pair = _scored(pay, step.one, step.other)
        return pair._replace(near=(step.margin > 0) - (step.margin < 0))
    return _unclipped(pay, asked, most)


def _unclipped(pay: Pay, asked: Property, most: int | None = None) -> Pair | None:
    """The same, with the pair of a step chosen by its sums as they are before they are clipped."""
    better = _within(asked.better(pay.reward.need), None if asked.form == "best" else most)
    if asked.move is not None:
        found = search(pay, better, Asked(True, asked.move))
        return _scored(pay, *_steps(next(iter(found.values())))) if found else None
    worse = _within(asked.worse(pay.reward.need), most)
    alike = asked.form == "alike"
    low = search(pay, better, Asked(asked.form != "best", by_valid=alike))
    high = search(pay, worse, Asked(False, by_valid=alike))
    pairs = []
    for key in low:
        if key in high:
            pair = _scored(pay, low[key].one, high[key].one)
            pairs.append(pair._replace(near=int(not pay.reward.reached(pair.worse))))
    return min(pairs, key=lambda pair: (pair.margin, pair.near), default=None)


def plainest(pay: Pay, asked: Property) -> Pair | None:
    """The breaking pair with the fewest calls; of a `best` those of the worse side, against the best of all."""
    for most in range(pay.budget.calls + 1):
        try:
            pair = narrowest(pay, asked, most)
        except TooManyError:
            return None
        if pair is not None and broken(asked, pair):
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
