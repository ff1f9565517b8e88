"""The map of two weights: inside its regions a property holds, outside it does not."""

from __future__ import annotations

from fractions import Fraction

import pytest

from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.plane import HalfPlane, Plane, Point, Polygon, cut, window
from toolspec.compiler.reward.properties import PROPERTIES, Property
from toolspec.compiler.reward.reward import reward
from toolspec.compiler.reward.vector import Budget
from toolspec.compiler.reward.verdict import narrowest

REWARD = reward(
    [
        {"name": "correct", "weight": 1.0, "match": "qa_f1"},
        {"name": "valid_call", "weight": 0.2},
        {"name": "extra_call", "weight": -0.1, "free": 2},
        {"name": "bad_call", "weight": -1.0},
        {"name": "turns", "weight": -0.05},
    ]
)
BUDGET = Budget(3, 2)
STEPS = 9


def holds_in(polygon: Polygon, at: Point) -> bool:
    """Whether a point is in a convex polygon whose corners go round against the clock."""
    return all(
        (b[0] - a[0]) * (at[1] - a[1]) - (b[1] - a[1]) * (at[0] - a[0]) >= 0
        for a, b in zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    )


@pytest.mark.parametrize(
    "names", [("correct", "bad_call"), ("valid_call", "extra_call"), ("turns", "valid_call")]
)
@pytest.mark.parametrize("asked", PROPERTIES, ids=lambda asked: asked.name)
@pytest.mark.slow
def test_the_region_is_where_the_property_holds(asked: Property, names: tuple[str, str]) -> None:
    plane = Plane(REWARD, BUDGET, *names)
    shown = window(REWARD, *names)
    regions = plane.region(asked, shown)
    (left, low), (right, high) = shown[0], shown[2]
    for across in range(1, STEPS):
        for up in range(1, STEPS):
            at = (
                left + (right - left) * Fraction(across, STEPS),
                low + (high - low) * Fraction(up, STEPS),
            )
            pair = narrowest(Pay(plane.at(at), BUDGET), asked)
            assert pair is not None
            margin = pair.better_score - pair.worse_score
            assert any(holds_in(polygon, at) for polygon in regions) == (margin >= 0), (at, margin)


def test_a_cut_keeps_the_side_that_is_asked_for() -> None:
    square = tuple((Fraction(x), Fraction(y)) for x, y in ((0, 0), (2, 0), (2, 2), (0, 2)))
    left = cut(square, HalfPlane(Fraction(-1), Fraction(0), Fraction(1)))
    assert {(int(x), int(y)) for x, y in left} == {(0, 0), (1, 0), (1, 2), (0, 2)}
    assert cut(square, HalfPlane(Fraction(1), Fraction(0), Fraction(-3))) == ()
