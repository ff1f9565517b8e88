"""Piecewise-linear functions of one number, exactly: envelopes of lines, and where one lies over another."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

End = Fraction | None
"""None: without end."""


class Line(NamedTuple):
    """at + slope × x."""

    at: Fraction
    slope: Fraction

    def value(self, x: Fraction) -> Fraction:
        return self.at + self.slope * x


class Interval(NamedTuple):
    """low to high; an end belongs to it where it is not open. An end without number is None."""

    low: End
    high: End
    low_open: bool = True
    high_open: bool = True

    def __contains__(self, x: object) -> bool:
        assert isinstance(x, Fraction)
        above = self.low is None or x > self.low or (x == self.low and not self.low_open)
        below = self.high is None or x < self.high or (x == self.high and not self.high_open)
        return above and below


EVERYTHING = Interval(None, None)


def upper(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines of which the largest of all is made, from left to right: slopes ascend."""
    best: dict[Fraction, Line] = {}
    for line in lines:
        old = best.get(line.slope)
        if old is None or line.at > old.at:
            best[line.slope] = line
    hull: list[Line] = []
    for line in sorted(best.values(), key=lambda each: each.slope):
        while len(hull) > 1 and meeting(hull[-2], line) <= meeting(hull[-2], hull[-1]):
            hull.pop()
        hull.append(line)
    return tuple(hull)


def lower(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines of which the smallest of all is made, from left to right: slopes descend."""
    return tuple(Line(-line.at, -line.slope) for line in upper(Line(-line.at, -line.slope) for line in lines))


def meeting(one: Line, other: Line) -> Fraction:
    """Where two lines of different slopes meet."""
    return (one.at - other.at) / (other.slope - one.slope)


def knots(hull: Sequence[Line]) -> list[Fraction]:
    """Where an envelope passes from one line to the next."""
    return [meeting(one, other) for one, other in pairwise(hull)]


def at(hull: Sequence[Line], turns: Sequence[Fraction], x: Fraction) -> Fraction:
    """The envelope's value; `turns` are its knots."""
    return hull[bisect_left(turns, x)].value(x)


def over(above: Sequence[Line], below: Sequence[Line], ties: bool, within: Interval) -> list[Interval]:
    """Where one envelope lies over another, or on it where `ties`: maximal intervals, from left to right."""
    turns_above, turns_below = knots(above), knots(below)
    marks = sorted({*turns_above, *turns_below, *(end for end in within[:2] if end is not None)})
    points = set(marks)
    for low, high in zip([None, *marks], [*marks, None], strict=True):
        middle = _inside(low, high)
        one, other = above[bisect_left(turns_above, middle)], below[bisect_left(turns_below, middle)]
        if one.slope != other.slope:
            cross = meeting(one, other)
            if (low is None or cross > low) and (high is None or cross < high):
                points.add(cross)

    def holds(x: Fraction) -> bool:
        gap = at(above, turns_above, x) - at(below, turns_below, x)
        return gap > 0 or (ties and gap == 0)

    return parts(sorted(points), holds, within)


def parts(points: Sequence[Fraction], holds: Callable[[Fraction], bool], within: Interval) -> list[Interval]:
    """The maximal intervals in which a condition holds that changes at `points` alone."""
    pieces = []
    for number, (low, high) in enumerate(zip([None, *points], [*points, None], strict=True)):
        if number and low is not None:
            pieces.append((low, Interval(low, low, False, False)))
        pieces.append((_inside(low, high), Interval(low, high)))
    return joined([piece for x, piece in pieces if x in within and holds(x)])


def _inside(low: End, high: End) -> Fraction:
    if low is None:
        return Fraction(0) if high is None else high - 1
    return low + 1 if high is None else (low + high) / 2


def common(first: Sequence[Interval], second: Sequence[Interval]) -> list[Interval]:
    """The parts that belong to both."""
    found = []
    for one in first:
        for other in second:
            low, low_open = max(
                ((one.low, one.low_open), (other.low, other.low_open)),
                key=lambda end: (end[0] is not None, end[0] or Fraction(0), end[1]),
            )
            high, high_open = min(
                ((one.high, one.high_open), (other.high, other.high_open)),
                key=lambda end: (end[0] is None, end[0] or Fraction(0), not end[1]),
            )
            if low is None or high is None or low < high or (low == high and not low_open and not high_open):
                found.append(Interval(low, high, low_open, high_open))
    return found


def joined(intervals: Sequence[Interval]) -> list[Interval]:
    """Neighbours that share an end that one of them has are one."""
    found: list[Interval] = []
    for one in intervals:
        if found and found[-1].high == one.low and one.low is not None:
            last = found[-1]
            if not (last.high_open and one.low_open):
                found[-1] = Interval(last.low, one.high, last.low_open, one.high_open)
                continue
        found.append(one)
    return found


def left_end(one: Interval) -> tuple[bool, Fraction, bool]:
    """What intervals are sorted by."""
    return one.low is not None, one.low or Fraction(0), one.low_open


def union(intervals: Sequence[Interval]) -> list[Interval]:
    """Every point of any of them, as maximal intervals from left to right."""
    found: list[Interval] = []
    for one in sorted(intervals, key=left_end):
        last = found[-1] if found else None
        if last is None or _behind(last, one):
            found.append(one)
        elif last.high is not None and (
            one.high is None or one.high > last.high or (one.high == last.high and last.high_open)
        ):
            found[-1] = Interval(last.low, one.high, last.low_open, one.high_open)
    return found


def _behind(last: Interval, one: Interval) -> bool:
    """Whether there is a point between two intervals, the first of which begins first."""
    if last.high is None or one.low is None:
        return False
    return one.low > last.high or (one.low == last.high and last.high_open and one.low_open)


def complement(intervals: Sequence[Interval], within: Interval) -> list[Interval]:
    """What is left of an interval without those of a union."""
    found, low, low_open, open_end = [], within.low, within.low_open, True
    for one in intervals:
        if one.low is not None:
            found.append(Interval(low, one.low, low_open, not one.low_open))
        low, low_open = one.high, not one.high_open
        open_end = one.high is not None
    if open_end:
        found.append(Interval(low, within.high, low_open, within.high_open))
    kept = [each for each in found if not _empty(each)]
    return common([within], kept)


def _empty(one: Interval) -> bool:
    if one.low is None or one.high is None:
        return False
    return one.low > one.high or (one.low == one.high and (one.low_open or one.high_open))
