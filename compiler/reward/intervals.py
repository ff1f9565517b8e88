"""In which interval of one weight, or of one cap, a property holds while all else stays as it is.

The search is asked once for the best of every value v that the term can have, without its pay. As a function of the
weight w each of these is a line, rest + w·v, so what a property compares are envelopes of few lines, and the ends of
the intervals are where these cross: fractions, not approximations. A cap bends the lines where w·v meets it, and the
number line is cut there. As functions of the cap c, its distance from 0, the lines are rest ± c up to |w·v| and flat
beyond.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Literal, NamedTuple

from toolspec.compiler.reward.lines import EVERYTHING, Interval, Line, common, joined, lower, over, upper
from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.properties import Property
from toolspec.compiler.reward.region import Set
from toolspec.compiler.reward.reward import Term, capped
from toolspec.compiler.reward.search import Asked, Best, Told, search
from toolspec.compiler.reward.worth import NOTHING, ZERO, Value

What = Literal["weight", "cap"]
MOST_VALUES = 200
"""Values of a term under a cap: the line is cut at each, and all are compared in each part."""
ABOVE_0 = Interval(ZERO, None)


class Entry(NamedTuple):
    """What is paid beside the term, and the values of the term that are paid (plus) and taken off (minus).

    Values are places in Pay.distinct, None for nothing.
    """

    rest: Fraction
    plus: int | None
    minus: int | None = None


Sides = tuple[Sequence[Entry], Sequence[Entry]]
"""The entries of the better and of the worse side."""


class Intervals:
    """The intervals of one reward and budget. What was searched for is kept."""

    def __init__(self, pay: Pay) -> None:
        self.pay = pay
        self._found: dict[tuple[Set, Asked], dict[Told, Best]] = {}

    def of(self, asked: Property, name: str, what: What = "weight") -> list[Interval] | None:
        """Where the property holds, from left to right; [] where it never does.

        None where it is not worked out: for terms that no count decides, those with too many values under a cap, and
        sums that are clipped.
        """
        term = self.pay.reward.term(name)
        if term.worth.group == "free" or self.pay.reward.clip is not None:
            return None
        if (what == "cap" or term.cap is not None) and len(self.pay.distinct(name)) > MOST_VALUES:
            return None
        left = [ABOVE_0 if what == "cap" else EVERYTHING]
        for sides in self._sides(asked, name):
            left = common(left, list(_solved(asked, term, what, self.pay.distinct(name), sides)))
        return left

    def _sides(self, asked: Property, name: str) -> list[Sides]:
        """One comparison, or one for each number of valid calls."""
        need = self.pay.reward.need
        if asked.move is not None:
            steps = self._search(asked.better(need), Asked(True, asked.move, name))
            entries = [self._entry(key, best) for key, best in steps.items()]
            return [(entries, [Entry(ZERO, None)])] if entries else []
        alike = asked.form == "alike"
        better = self._search(asked.better(need), Asked(asked.form != "best", None, name, alike))
        worse = self._search(asked.worse(need), Asked(False, None, name, alike))
        groups: dict[int | None, tuple[list[Entry], list[Entry]]] = {}
        for side, found in enumerate((better, worse)):
            for key, best in found.items():
                groups.setdefault(key.valid, ([], []))[side].append(self._entry(key, best))
        return [sides for sides in groups.values() if sides[0] and sides[1]]

    def _search(self, where: Set, asked: Asked) -> Mapping[Told, Best]:
        kept = where, asked
        if kept not in self._found:
            self._found[kept] = search(self.pay, where, asked)
        return self._found[kept]

    def _entry(self, key: Told, best: Best) -> Entry:
        values = key.value
        assert isinstance(values, tuple)
        return Entry(Fraction(best.pay, self.pay.scale), *values)


def _solved(
    asked: Property, term: Term, what: What, distinct: Sequence[Value], sides: Sides
) -> Iterator[Interval]:
    better, worse = sides
    places = {place for entry in (*better, *worse) for place in entry[1:] if place is not None}
    values = [distinct[place] for place in places]
    found: list[Interval] = []
    for part in _pieces(term, what, values):
        inside = _inside(part)

        @cache
        def paid(place: int | None, inside: Fraction = inside) -> Line:
            return _line(term, what, NOTHING if place is None else distinct[place], inside)

        lines = [
            [
                Line(entry.rest + plus.at - minus.at, plus.slope - minus.slope)
                for entry in side
                for plus, minus in ((paid(entry.plus), paid(entry.minus)),)
            ]
            for side in sides
        ]
        above = upper(lines[0]) if asked.form == "best" else lower(lines[0])
        found += over(above, upper(lines[1]), asked.ties, part)
    yield from joined(found)


def _pieces(term: Term, what: What, values: Iterable[Value]) -> list[Interval]:
    """The closed intervals of the parameter in which the pay of every value is a line."""
    ends: set[Fraction] = set()
    if what == "cap":
        amounts = (term.weight * value.units + value.fixed for value in values)
        ends = {abs(amount) for amount in amounts if (amount > 0) == (side(term) > 0)} | {ZERO}
    elif term.cap is not None:
        ends = {(term.cap - value.fixed) / value.units for value in values if value.units}
    marks = sorted(ends)
    pairs = zip(marks if what == "cap" else [None, *marks], [*marks[what == "cap" :], None], strict=True)
    return [Interval(low, high, low is None, high is None) for low, high in pairs]


def side(term: Term) -> int:
    """1 where the term's cap holds it from above, -1 from below: as its cap is, else as its weight."""
    return 1 if (term.weight if term.cap is None else term.cap) > 0 else -1


def _inside(part: Interval) -> Fraction:
    if part.low is None:
        return ZERO if part.high is None else part.high - 1
    return part.low + 1 if part.high is None else (part.low + part.high) / 2


def _line(term: Term, what: What, value: Value, inside: Fraction) -> Line:
    """The pay of a value as a line of the parameter, around the point `inside`."""
    if what == "weight":
        amount = inside * value.units + value.fixed
        pay = capped(amount, term.cap)
        return Line(value.fixed, value.units) if pay == amount else Line(pay, ZERO)
    amount = term.weight * value.units + value.fixed
    held = amount > inside if side(term) > 0 else amount < -inside
    return Line(ZERO, Fraction(side(term))) if held else Line(amount, ZERO)
