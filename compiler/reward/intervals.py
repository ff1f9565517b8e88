"""In which interval of one weight, or of one cap, a property holds while all else stays as it is.

The search is asked once for the best of every value v that the term can have, without its pay. As a function of the
weight w each of these is a line, rest + w·v, so what a property compares are envelopes of few lines, and the ends of
the intervals are where these cross: fractions, not approximations. A cap bends the lines where w·v meets it, and the
number line is cut there. As functions of the cap c, its distance from 0, the lines are rest ± c up to |w·v| and flat
beyond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Literal, NamedTuple

from toolspec.compiler.reward.clipped import Gains, TooManyError, gains_of
from toolspec.compiler.reward.lines import (
    EVERYTHING,
    Interval,
    Line,
    common,
    complement,
    joined,
    lower,
    over,
    union,
    upper,
)
from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.properties import Property
from toolspec.compiler.reward.region import Set
from toolspec.compiler.reward.reward import Reward, Term, capped
from toolspec.compiler.reward.search import Asked, Best, Told, search
from toolspec.compiler.reward.vector import PARTLY, Answer
from toolspec.compiler.reward.verdict import verdict
from toolspec.compiler.reward.worth import NOTHING, ZERO, Value
from toolspec.compiler.reward.written import grows

What = Literal["weight", "cap"]
MOST_VALUES = 200
"""Values of a term under a cap: the line is cut at each, and all are compared in each part."""
ABOVE_0 = Interval(ZERO, None)


class Entry(NamedTuple):
    """What is paid beside the term, and the values of the term that are paid (plus) and taken off (minus).

    Values are places in Pay.distinct, None for nothing. answer: of the trajectory.
    """

    rest: Fraction
    plus: int | None
    minus: int | None = None
    answer: Answer = "right"


Sides = tuple[Sequence[Entry], Sequence[Entry]]
"""The entries of the better and of the worse side."""


class Intervals:
    """The intervals of one reward and budget, or in common of rewards that differ in what rows need.

    wide: what the properties are asked of that calls beyond the executed ones can break (written.py). What was searched
    for is kept.
    """

    def __init__(self, pays: Sequence[Pay], wide: Sequence[Pay] = ()) -> None:
        self.pay = pays[0]
        self._each = [_Intervals(pay) for pay in pays]
        self._wide = [_Intervals(pay) for pay in wide]

    def of(self, asked: Property, name: str, what: What = "weight") -> list[Interval] | None:
        """Where the property holds, from left to right; [] where it never does.

        None where it is not worked out: for terms that no count decides, those with too many values under a cap, and
        clipped sums with too many sums.
        """
        found = [EVERYTHING]
        for each in (*self._each, *(self._wide if grows(asked) else ())):
            one = each.of(asked, name, what)
            if one is None:
                return None
            found = common(found, one)
        return found


class _Intervals:
    """Of one reward."""

    def __init__(self, pay: Pay) -> None:
        self.pay = pay
        self._found: dict[tuple[Set, Asked], dict[Told, Best]] = {}

    def of(self, asked: Property, name: str, what: What) -> list[Interval] | None:
        reward = self.pay.reward
        term = reward.term(name)
        if term.worth.group == "free":
            return None
        if (what == "cap" or term.cap is not None) and len(self.pay.distinct(name)) > MOST_VALUES:
            return None
        left = [ABOVE_0 if what == "cap" else EVERYTHING]
        if asked.move is not None and reward.clip is not None:
            try:
                gains = gains_of(self.pay, asked.better(reward.need), asked.move, name)
            except TooManyError:
                return None
            return common(left, list(_unbroken(self.pay, term, what, gains)))
        for sides in self._sides(asked, name):
            left = common(left, list(_solved(asked, reward, term, what, self.pay.distinct(name), sides)))
        if reward.partial and what == "weight" and term.worth.partial and not asked.ties:
            left = self._at_zero(asked, term, left)
        return left

    def _at_zero(self, asked: Property, term: Term, found: list[Interval]) -> list[Interval]:
        """At a weight of 0 partial credit is all the same, and reached: the one point where lines do not tell."""
        terms = tuple(each._replace(weight=ZERO) if each == term else each for each in self.pay.reward.terms)
        pay = Pay(self.pay.reward._replace(terms=terms), self.pay.budget)
        rest = common(found, [Interval(None, ZERO), Interval(ZERO, None)])
        if verdict(pay, asked).outcome == "proved":
            rest.append(Interval(ZERO, ZERO, False, False))
        return union(rest)

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
        plus, minus = (*values, None)[:2]
        return Entry(self.pay.exact(best.pay), plus, minus, best.one.answer)


def _solved(
    asked: Property, reward: Reward, term: Term, what: What, distinct: Sequence[Value], sides: Sides
) -> Iterator[Interval]:
    better, worse = sides
    places = {place for entry in (*better, *worse) for place in entry[1:3] if place is not None}
    values = [distinct[place] for place in places]
    found: list[Interval] = []
    for part in _pieces(term, what, values):
        inside = _inside(part)

        @cache
        def paid(place: int | None, inside: Fraction = inside) -> Line:
            return _line(term, what, NOTHING if place is None else distinct[place], inside)

        def lines(side: Iterable[Entry], paid: Callable[[int | None], Line] = paid) -> list[Line]:
            return [
                Line(entry.rest + plus.at - minus.at, plus.slope - minus.slope)
                for entry in side
                for plus, minus in ((paid(entry.plus), paid(entry.minus)),)
            ]

        above = upper(lines(better)) if asked.form == "best" else lower(lines(better))
        here = [part]
        near = [each for each in worse if not _reached(reward, term, what, inside, each.answer)]
        for side, ties, reached in (
            ([each for each in worse if each not in near], asked.ties, True),
            (near, True, False),
        ):
            if side:
                below = upper(lines(side))
                here = common(here, _clipped_over(above, below, asked.ties, ties, reached, part, reward.clip))
        found += here
    yield from joined(found)


def _reached(reward: Reward, term: Term, what: What, inside: Fraction, answer: Answer) -> bool:
    """Whether an answer is paid what its line says, around the point `inside`, and not only near to it."""
    if answer not in PARTLY:
        return True
    if term.worth.partial:
        term = term._replace(**{what: inside * side(term) if what == "cap" else inside})  # type: ignore[arg-type]
        return term.drift(answer) == 0
    return all(each.drift(answer) == 0 for each in reward.terms)


def _clipped_over(
    above: Sequence[Line],
    below: Sequence[Line],
    wanted: bool,
    ties: bool,
    reached: bool,
    part: Interval,
    clip: tuple[Fraction, Fraction] | None,
) -> list[Interval]:
    """Where one envelope lies over another after both are clipped.

    Where a tie is wanted: it lies over it, or not below the upper end, or the other not above the lower one. Else it
    lies over it, and above the lower end, and the other below the upper one. ties: whether it may touch the other,
    which is so too where that is only come near to (not `reached`).
    """
    found = over(above, below, ties, part)
    if clip is None:
        return found
    low, high = ((Line(end, ZERO),) for end in clip)
    if wanted:
        return union([*found, *over(above, high, True, part), *over(low, below, True, part)])
    inner = common(over(above, low, False, part), over(high, below, not reached, part))
    return common(found, inner)


def _unbroken(pay: Pay, term: Term, what: What, gains: Gains) -> Iterator[Interval]:
    """Where no step gains after clipping: all but the union of where each does."""
    assert pay.reward.clip is not None
    low, high = pay.reward.clip
    distinct = pay.distinct(term.name)
    broken: list[Interval] = []
    for part in _pieces(term, what, distinct):
        inside = _inside(part)
        paid = [_line(term, what, value, inside) for value in distinct]
        found = set()
        for start, gain in gains.items():
            before, after = (paid[place] for place in start.told or ())
            rest, further = pay.exact(start.sum), pay.exact(gain.gain)
            found.add(
                (
                    Line(after.at - before.at + further, after.slope - before.slope),
                    Line(high - rest - before.at, -before.slope),
                    Line(rest + further + after.at - low, after.slope),
                )
            )
        for lines in found:
            # Each a half-line: gains, from below the upper end, to above the lower one.
            where = [part]
            for line in lines:
                where = common(where, over((line,), (Line(ZERO, ZERO),), False, part))
                if not where:
                    break
            broken += where
    yield from complement(union(broken), ABOVE_0 if what == "cap" else EVERYTHING)


def _pieces(term: Term, what: What, values: Iterable[Value]) -> list[Interval]:
    """The closed intervals of the parameter in which the pay of every value is a line."""
    ends: set[Fraction] = set()
    if what == "cap":
        amounts = (term.weight * value.units + value.fixed for value in values)
        ends = {abs(amount) for amount in amounts if (amount > 0) == (side(term) > 0)} | {ZERO}
    elif term.cap is not None:
        ends = {(term.cap - value.fixed) / value.units for value in values if value.units}
    if what == "weight" and term.worth.partial:
        ends = ends | {ZERO}  # partial credit comes near to its ends from another side there
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
