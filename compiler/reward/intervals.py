"""In which interval of one weight, or of one cap, a property holds while all else stays as it is.

The search is asked once for the best of every value v that the term can have, without its pay. As a function of the
weight w each of these is a line, rest + w·v, so what a property compares are envelopes of few lines, and the ends of
the intervals are where these cross: fractions, not approximations. A cap makes the lines bend at w = ±cap / |v|, and the
number line is cut there. Of a cap c the lines are rest ± c below |w·v| and flat above.
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
from toolspec.compiler.reward.search import Asked, Best, Told, search
from toolspec.compiler.reward.worth import Term, capped

What = Literal["weight", "cap"]
AT_LEAST_0 = Interval(Fraction(0), None, low_open=False)


class Entry(NamedTuple):
    """What is paid beside the term, and the values of the term that are paid (plus) and taken off (minus)."""

    rest: Fraction
    plus: Fraction
    minus: Fraction = Fraction(0)


Sides = tuple[Sequence[Entry], Sequence[Entry]]
"""The entries of the better and of the worse side."""


class Intervals:
    """The intervals of one reward and budget. What was searched for is kept."""

    def __init__(self, pay: Pay) -> None:
        self.pay = pay
        self._found: dict[tuple[Set, Asked], dict[Told, Best]] = {}

    def of(self, asked: Property, name: str, what: What = "weight") -> list[Interval]:
        """Where the property holds, from left to right. [] where it never does, and for what no count decides."""
        term = self.pay.reward.term(name)
        if term.worth.group == "free":
            return []
        left = [AT_LEAST_0 if what == "cap" else EVERYTHING]
        for sides in self._sides(asked, name):
            left = common(left, list(_solved(asked, term, what, sides)))
        return left

    def _sides(self, asked: Property, name: str) -> list[Sides]:
        """One comparison, or one for each number of valid calls."""
        need = self.pay.reward.need
        if asked.move is not None:
            steps = self._search(asked.better(need), Asked(True, asked.move, name))
            entries = [self._entry(key, best) for key, best in steps.items()]
            return [(entries, [Entry(Fraction(0), Fraction(0))])] if entries else []
        alike = asked.form == "alike"
        better = self._search(asked.better(need), Asked(asked.form != "best", None, name, alike))
        worse = self._search(asked.worse(need), Asked(False, None, name, alike))
        groups: dict[int | None, tuple[list[Entry], list[Entry]]] = {}
        for side, found in enumerate((better, worse)):
            for key, best in found.items():
                groups.setdefault(key[0], ([], []))[side].append(self._entry(key, best))
        return [sides for sides in groups.values() if sides[0] and sides[1]]

    def _search(self, where: Set, asked: Asked) -> Mapping[Told, Best]:
        kept = where, asked
        if kept not in self._found:
            self._found[kept] = search(self.pay, where, asked)
        return self._found[kept]

    def _entry(self, key: Told, best: Best) -> Entry:
        values = key[1]
        assert isinstance(values, tuple)
        return Entry(Fraction(best.pay, self.pay.scale), *values)


def _solved(asked: Property, term: Term, what: What, sides: Sides) -> Iterator[Interval]:
    better, worse = sides
    values = {value for entry in (*better, *worse) for value in entry[1:]}
    found: list[Interval] = []
    for part in _pieces(term, what, values):
        inside = _inside(part)

        @cache
        def paid(value: Fraction, inside: Fraction = inside) -> Line:
            return _line(term, what, value, inside)

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


def _pieces(term: Term, what: What, values: Iterable[Fraction]) -> list[Interval]:
    """The closed intervals of the parameter in which the pay of every value is a line."""
    sizes = {abs(value) for value in values} - {Fraction(0)}
    ends: set[Fraction] = set()
    if what == "cap":
        ends = {abs(term.weight) * size for size in sizes} | {Fraction(0)}
    elif term.cap is not None:
        ends = {sign * term.cap / size for size in sizes for sign in (-1, 1)}
    marks = sorted(ends)
    pairs = zip(marks if what == "cap" else [None, *marks], [*marks[what == "cap" :], None], strict=True)
    return [Interval(low, high, low is None, high is None) for low, high in pairs]


def _inside(part: Interval) -> Fraction:
    if part.low is None:
        return Fraction(0) if part.high is None else part.high - 1
    return part.low + 1 if part.high is None else (part.low + part.high) / 2


def _line(term: Term, what: What, value: Fraction, inside: Fraction) -> Line:
    """The pay of a value as a line of the parameter, around the point `inside`."""
    if what == "weight":
        if term.cap is None or abs(inside * value) < term.cap:
            return Line(Fraction(0), value)
        return Line(capped(inside * value, term.cap), Fraction(0))
    pay = term.weight * value
    if abs(pay) <= inside:
        return Line(pay, Fraction(0))
    return Line(Fraction(0), Fraction(1 if pay > 0 else -1))
