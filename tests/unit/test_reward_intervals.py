"""Intervals of weights and caps: at their ends, a hair beyond, and everywhere against the verdict."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_strategies import rewards
from toolspec.compiler.reward.intervals import Intervals, What, side
from toolspec.compiler.reward.lines import Interval
from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.properties import PROPERTIES
from toolspec.compiler.reward.reward import Reward, reward
from toolspec.compiler.reward.vector import Budget
from toolspec.compiler.reward.verdict import verdict

pytestmark = pytest.mark.slow

HAIR = Fraction(1, 10**9)
SEED = [
    {"name": "correct", "weight": 1.0, "match": "number"},
    {"name": "valid_call", "weight": 0.2},
    {"name": "extra_call", "weight": -0.1, "free": 1},
    {"name": "bad_call", "weight": -1.0},
]
BY_NAME = {each.name: each for each in PROPERTIES}


def changed(of: Reward, name: str, what: What, x: Fraction) -> Reward:
    if what == "cap":
        x *= side(of.term(name))
    return of._replace(
        terms=tuple(each._replace(**{what: x}) if each.name == name else each for each in of.terms)  # type: ignore[arg-type]
    )


@settings(max_examples=80, deadline=None)
@given(st.data(), rewards(), st.sampled_from((Budget(3, 1), Budget(2, 2), Budget(1, 1))))
def test_a_property_holds_in_its_interval_and_nowhere_else(
    st_data: st.DataObject, of: Reward, budget: Budget
) -> None:
    if not of.terms:
        return
    name = st_data.draw(st.sampled_from([each.name for each in of.terms]))
    what: What = st_data.draw(st.sampled_from(["weight", "cap"]))
    asked = st_data.draw(st.sampled_from(PROPERTIES))
    found = Intervals([Pay(of, budget)]).of(asked, name, what)
    assert found is not None
    ends = [end for each in found for end in each[:2] if end is not None]
    tried = {x + away for x in ends for away in (0, HAIR, -HAIR)}
    tried |= {Fraction(number, 4) for number in range(-12, 13)}
    for x in tried:
        if what == "cap" and x <= 0:
            continue
        outcome = verdict(Pay(changed(of, name, what, x), budget), asked).outcome
        assert any(x in each for each in found) == (outcome in ("proved", "no-case")), (
            asked.name,
            name,
            what,
            x,
            found,
        )


@pytest.mark.parametrize(
    ("asked", "name", "what", "expected"),
    [
        ("answer-outweighs", "bad_call", "cap", Interval(Fraction(0), Fraction(1))),
        ("solved-first", "bad_call", "cap", Interval(Fraction(0), Fraction(4, 5))),
        ("solved-first", "bad_call", "weight", Interval(Fraction(-1, 5), Fraction(7, 40))),
        ("padding", "extra_call", "weight", Interval(None, Fraction(0), True, False)),
        ("best-is-solved", "correct", "weight", Interval(Fraction(0), None)),
    ],
)
def test_the_seed(asked: str, name: str, what: What, expected: Interval) -> None:
    found = Intervals([Pay(reward(SEED), Budget(5, 1))]).of(BY_NAME[asked], name, what)
    assert found is not None
    assert found[0] == expected
