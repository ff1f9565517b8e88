"""How far each weight may go while what holds still holds, and the smallest change that mends what does not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from toolspec.compiler.reward.intervals import Intervals, What, side
from toolspec.compiler.reward.lines import EVERYTHING, Interval, common, joined
from toolspec.compiler.reward.properties import Property
from toolspec.compiler.reward.reward import Term
from toolspec.compiler.reward.verdict import Verdict

ENOUGH_DIGITS = 12
MOST_CHANGE = Fraction(10**6)
WHATS: tuple[What, ...] = ("weight", "cap")


class Span(NamedTuple):
    """keeps: the interval around a term's weight in which everything wanted that holds goes on holding.

    wanted: in which all that is wanted holds, what is broken now among it; None for nowhere. keeps is None where it was
    not worked out.
    """

    name: str
    weight: Fraction
    keeps: Interval | None
    wanted: Interval | None


class Repair(NamedTuple):
    """`name` gets another weight or cap (with its sign), and the property holds, as does all that held before.

    where: every value that does. change: the share of the weight that is given up, by which repairs are ordered.
    """

    asked: Property
    name: str
    what: What
    value: Fraction
    where: Interval
    change: Fraction


def wanted(verdicts: Sequence[Verdict]) -> tuple[list[Property], list[Property]]:
    """(properties that hold, properties that are broken) of those whose break is a finding, at the first step."""
    found = [each for each in verdicts if each.asked.severity != "note" and each.asked.form != "matcher"]
    found = [each for each in found if each.outcome == "proved" or not each.later]
    return (
        [each.asked for each in found if each.outcome == "proved"],
        [each.asked for each in found if each.outcome == "refuted"],
    )


def spans(intervals: Intervals, verdicts: Sequence[Verdict]) -> tuple[Span, ...]:
    holding, broken = wanted(verdicts)
    found = []
    for term in intervals.pay.reward.terms:
        kept = _all(intervals, holding, term, "weight")
        if kept is None:
            found.append(Span(term.name, term.weight, None, None))
            continue
        keeps = next((each for each in kept if term.weight in each), None)
        every = _all(intervals, broken, term, "weight", kept) if broken else kept
        found.append(Span(term.name, term.weight, keeps, nearest(every or [], term.weight)))
    return tuple(found)


def repairs(intervals: Intervals, verdicts: Sequence[Verdict]) -> tuple[Repair, ...]:
    """For each broken property the changes of one weight or one cap that mend it, the smallest first."""
    holding, broken = wanted(verdicts)
    found: list[Repair] = []
    for asked in broken:
        mends = [
            each for term in intervals.pay.reward.terms for each in _mends(intervals, asked, holding, term)
        ]
        found += sorted(mends, key=lambda each: (each.change, each.what, each.name))
    return tuple(found)


def _mends(
    intervals: Intervals, asked: Property, holding: Sequence[Property], term: Term
) -> Iterator[Repair]:
    for what in WHATS:
        start = intervals.of(asked, term.name, what)
        left = _all(intervals, holding, term, what, start) if start else None
        if not left:
            continue
        if what == "weight":
            where = nearest(left, term.weight)
            value = within(where, term.weight) if where else None
            if where is not None and value is not None:
                # A term that pays nothing so far is as good as a new one: other changes come first.
                change = abs(value / term.weight - 1) if term.weight else MOST_CHANGE + abs(value)
                yield Repair(asked, term.name, "weight", value, where, change)
            continue
        if not term.weight:
            continue
        now = math.inf if term.cap is None else abs(term.cap)
        where = next((each for each in reversed(left) if each.high is not None and each.high <= now), None)
        value = within(where, where.high) if where and where.high else None
        if where is not None and value:
            # A cap that leaves one unit whole is no change for it.
            change = max(Fraction(0), 1 - value / abs(term.weight))
            yield Repair(asked, term.name, "cap", value * side(term), where, change)


def _all(
    intervals: Intervals,
    properties: Sequence[Property],
    term: Term,
    what: What,
    start: list[Interval] | None = None,
) -> list[Interval] | None:
    """Where all of them hold; None where one was not worked out."""
    left = [EVERYTHING] if start is None else start
    for asked in properties:
        found = intervals.of(asked, term.name, what)
        if found is None:
            return None
        left = common(left, found)
    return joined(left)


def nearest(intervals: Sequence[Interval], x: Fraction) -> Interval | None:
    """The interval that holds x or is nearest to it."""

    def away(one: Interval) -> Fraction:
        if one.low is not None and x < one.low:
            return one.low - x
        return x - one.high if one.high is not None and x > one.high else Fraction(0)

    return min(intervals, key=away, default=None)


def within(where: Interval, x: Fraction) -> Fraction | None:
    """The number with the fewest decimals in an interval, the nearest to x of those; never 0, which drops the term."""
    if x in where:
        return x
    for digits in range(ENOUGH_DIGITS):
        step = Fraction(1, 10**digits)
        if where.low is not None and x <= where.low:
            near = math.ceil(where.low / step) * step
            tried = (near, near + step)
        elif where.high is not None:
            near = math.floor(where.high / step) * step
            tried = (near, near - step)
        else:
            return None
        for value in tried:
            if value and value in where:
                return value
    return None
