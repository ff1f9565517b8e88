"""Where a property holds in the plane of two weights: an exact polygon, found by cutting.

A comparison of two trajectories is a straight line in the plane of two weights without caps, and a property that speaks
of all pairs holds in the intersection of half-planes. It starts as the whole window; at each corner the search names
the pair that breaks it worst, and the window is cut at that pair's line, until no corner is broken. Each pair cuts
once, so it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.properties import Property
from toolspec.compiler.reward.reward import Reward, Term
from toolspec.compiler.reward.search import Asked, search
from toolspec.compiler.reward.vector import Budget, Vector
from toolspec.compiler.reward.verdict import narrowest

Point = tuple[Fraction, Fraction]
Polygon = tuple[Point, ...]
MOST_CUTS = 60


class HalfPlane(NamedTuple):
    """a·x + b·y + c ≥ 0."""

    a: Fraction
    b: Fraction
    c: Fraction

    def value(self, at: Point) -> Fraction:
        return self.a * at[0] + self.b * at[1] + self.c


def cut(polygon: Polygon, by: HalfPlane) -> Polygon:
    """The part of a convex polygon within a half-plane."""
    found: list[Point] = []
    for one, other in zip(polygon, (*polygon[1:], *polygon[:1]), strict=True):
        here, there = by.value(one), by.value(other)
        if here >= 0:
            found.append(one)
        if (here > 0 > there) or (here < 0 < there):
            share = here / (here - there)
            found.append((one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])))
    return tuple(dict.fromkeys(found))


class Plane:
    """The plane of the weights of two terms, neither of them capped."""

    def __init__(self, reward: Reward, budget: Budget, across: str, up: str) -> None:
        self.reward, self.budget, self.names = reward, budget, (across, up)
        self.terms = reward.term(across), reward.term(up)

    def at(self, point: Point) -> Reward:
        weights = dict(zip(self.names, point, strict=True))
        return self.reward._replace(
            terms=tuple(
                each._replace(weight=weights.get(each.name, each.weight)) for each in self.reward.terms
            )
        )

    def region(self, asked: Property, window: Polygon) -> tuple[Polygon, ...]:
        """Where it holds or ties, within the window. Of a `best` one polygon for each solution that can be the best."""

        @cache
        def pay(point: Point) -> Pay:
            return Pay(self.at(point), self.budget)

        if asked.form != "best":

            def worst(point: Point) -> HalfPlane | None:
                pair = narrowest(pay(point), asked)
                return None if pair is None else self._line(pair.better, pair.worse)

            found = self._cut_down(window, worst)
            return (found,) if len(found) > 2 else ()
        need = self.reward.need
        candidates: dict[Vector, None] = {}
        for corner in (*window, _centre(window)):
            for valid in range(need + 1):
                where = tuple(
                    each._replace(valid=(valid, valid))
                    for each in asked.better(need)
                    if each.valid[0] <= valid <= each.valid[1]
                )
                candidates |= {best.one: None for best in search(pay(corner), where, Asked(False)).values()}
        polygons = []
        for one in candidates:

            def beaten(point: Point, one: Vector = one) -> HalfPlane | None:
                best = search(pay(point), asked.worse(need), Asked(False))
                return self._line(one, next(iter(best.values())).one) if best else None

            polygon = self._cut_down(window, beaten)
            if len(polygon) > 2:
                polygons.append(polygon)
        return tuple(polygons)

    def _cut_down(self, window: Polygon, worst: Callable[[Point], HalfPlane | None]) -> Polygon:
        polygon, fine = window, set[Point]()
        for _ in range(MOST_CUTS):
            broken = next((point for point in polygon if point not in fine), None)
            if broken is None:
                return polygon
            line = worst(broken)
            if line is None or line.value(broken) >= 0:
                fine.add(broken)
                continue
            polygon = cut(polygon, line)
            if len(polygon) < 3:
                return ()
        return polygon

    def _line(self, better: Vector, worse: Vector) -> HalfPlane:
        across, up = (_units(term, better) - _units(term, worse) for term in self.terms)
        bare = self.at((Fraction(0), Fraction(0)))
        return HalfPlane(across, up, bare.score(better) - bare.score(worse))


def _units(term: Term, one: Vector) -> Fraction:
    return term.value(one).units


def _centre(polygon: Polygon) -> Point:
    number = len(polygon)
    return sum((x for x, _ in polygon), Fraction(0)) / number, sum(
        (y for _, y in polygon), Fraction(0)
    ) / number


def window(reward: Reward, across: str, up: str) -> Polygon:
    """The part of the plane that is shown: twice as far as the weights, on both sides of 0."""
    spans = []
    for name in (across, up):
        weight = reward.term(name).weight
        size = max(abs(weight), Fraction(1, 10)) * 2
        spans.append((-size / 4, size) if weight > 0 else (-size, size / 4))
    (left, right), (low, high) = spans
    return (left, low), (right, low), (right, high), (left, high)
