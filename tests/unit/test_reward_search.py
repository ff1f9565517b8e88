"""The search over counts against every list of turns that a small budget allows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_strategies import rewards
from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.properties import PROPERTIES, Property
from toolspec.compiler.reward.reward import Reward
from toolspec.compiler.reward.vector import ANSWERS, PARTLY, Answer, Budget, Vector, feasible
from toolspec.compiler.reward.verdict import breaks, broken, verdict
from toolspec.compiler.reward.worth import Value

pytestmark = pytest.mark.slow

BUDGETS = (
    Budget(1, 0),
    Budget(1, 2),
    Budget(2, 1),
    Budget(3, 1),
    Budget(2, 2),
    Budget(2, 1, beyond=1),
    Budget(3, 1, executions=1),
    Budget(3, 2),
    Budget(2, 1, limit=4),
    Budget(2, 1, beyond=2, most=3),
)
HAIR = Fraction(1, 10**6)
"""Partial credit this near to 0 and to 1 stands for all that is nearer."""
CALLS = ("valid", "again", "unknown", "schema", "unparsed")
Turn = tuple[str, ...]


def episodes(budget: Budget) -> Iterator[tuple[Turn, ...]]:
    """Lists of turns as verl's loop lets them be: a turn without a call that was parsed is the last."""
    kinds = [turn for size in range(budget.written + 1) for turn in itertools.product(CALLS, repeat=size)]
    going_on = [turn for turn in kinds if any(call != "unparsed" for call in turn)]
    for turns in range(1, budget.turns + 1):
        for before in itertools.product(going_on, repeat=turns - 1):
            for last in kinds:
                calls = [call for turn in (*before, last) for call in turn]
                # The first of equal calls is new.
                if len(calls) <= budget.most and (
                    "again" not in calls or "valid" in calls[: calls.index("again")]
                ):
                    yield (*before, last)


def vector(turns: int, counts: tuple[int, ...], answer: Answer, *flags: Any) -> Vector:
    return Vector(turns, *counts, answer, *flags)  # type: ignore[arg-type,call-arg]


def most_executed(turns: tuple[Turn, ...], budget: Budget) -> int:
    """Valid calls that may be executed, whichever of a turn come first."""
    valid = [sum(call in CALLS[:2] for call in turn) for turn in turns]
    return min(sum(min(number, budget.parallel) for number in valid), budget.executions)


@cache
def vectors(budget: Budget) -> frozenset[Vector]:
    """The counts of every episode, with every answer, form and flag that goes with it."""
    found = set()
    for turns in episodes(budget):
        calls = [call for turn in turns for call in turn]
        valid = calls.count("valid") + calls.count("again")
        counts = (valid, *(calls.count(kind) for kind in CALLS[1:]))
        for answer in ANSWERS if not turns[-1] else ANSWERS[-1:]:
            for formed, used in itertools.product((False, True), repeat=2):
                # A call of the last turn is never executed, so its tool cannot fail.
                executed = most_executed(turns[:-1], budget)
                if answer == "none" and (formed or used):
                    continue
                # Nothing but a limit ends a trajectory at a turn with a call that was parsed.
                goes_on = any(call != "unparsed" for call in turns[-1]) and not budget.ends_at(len(turns))
                for cut, forged in itertools.product((True,) if goes_on else (False, True), (False, True)):
                    for errors in range(executed + 1 - used):  # what is used is of a call that did not fail
                        found.add(vector(len(turns), counts, answer, formed, cut, forged, used, errors))
    return frozenset(found)


@pytest.mark.parametrize("budget", BUDGETS)
def test_feasible_says_which_counts_there_are(budget: Budget) -> None:
    most = budget.calls + 1
    there = {
        one
        for one in (
            vector(turns, counts, answer, formed, cut)
            for cut in (False, True)
            for turns in range(1, budget.turns + 2)
            for counts in itertools.product(range(most + 1), repeat=5)
            if sum(counts) - counts[1] <= most
            for answer in ANSWERS
            for formed in (False, True)
        )
        if feasible(one, budget)
    }
    assert there == {one for one in vectors(budget) if not (one.forged or one.used or one.errors)}


def there_is(of: Reward, budget: Budget) -> frozenset[Vector]:
    """The vectors that a reward can tell."""
    there = vectors(budget)
    if not of.has_pattern:
        there = frozenset(one for one in there if one.formed == (one.answer != "none"))
    if not of.partial:
        there = frozenset(one for one in there if one.answer not in PARTLY)
    if of.by_calls:
        there = frozenset(one for one in there if not one.bad or one.answer != "right")
    return frozenset(ended(of, budget, one) for one in there)


def ended(of: Reward, budget: Budget, one: Vector) -> Vector:
    """With the word that the turns ran out, where the reward asks for it."""
    out = of.by_last_turn and one.answer == "none" and budget.ends_at(one.turns)
    return one._replace(out_of_turns=out)


def scored(of: Reward, one: Vector) -> Fraction:
    """With partial credit as it is paid, a hair from its limit."""
    total = Fraction(0)
    for term in of.terms:
        value = term.value(one)
        if term.worth.partial and not term.gated and one.answer in PARTLY:
            value = Value(HAIR if one.answer == "barely" else 1 - HAIR)
        total += term.pays(value)
    return of.clipped(total)


def margin(asked: Property, of: Reward, budget: Budget) -> Fraction | None:
    """The least margin of a property, over all vectors or all pairs of them."""
    there = there_is(of, budget)
    better = [one for one in there if any(region.holds(one) for region in asked.better(of.need))]
    score = cache(lambda one: scored(of, one))
    if asked.move is not None:
        steps = []
        for one in better:
            if asked.move.flag and getattr(one, asked.move.flag):
                continue
            for turns in {one.turns + further for further in asked.move.further_turns}:
                after = ended(of, budget, asked.move.of(one, turns))
                if after in there:
                    steps.append(score(one) - score(after))
        return min(steps, default=None)
    worse = [one for one in there if any(region.holds(one) for region in asked.worse(of.need))]
    if not better or not worse:
        return None
    if asked.form == "alike":
        return min((score(a) - score(b) for a in better for b in worse if a.valid == b.valid), default=None)
    least = max if asked.form == "best" else min
    return least(map(score, better)) - max(map(score, worse))


@settings(max_examples=50, deadline=None)
@given(rewards(), st.sampled_from(BUDGETS[:-1]))
def test_every_verdict_is_that_of_brute_force(of: Reward, budget: Budget) -> None:
    pay = Pay(of, budget)
    for asked in PROPERTIES:
        found = verdict(pay, asked)
        expected = margin(asked, of, budget) if budget.calls or not asked.needs_calls else None
        if expected is None:
            assert (found.outcome, found.margin) == ("no-case", None)
            continue
        assert found.outcome == ("refuted" if breaks(asked, expected) else "proved"), (asked.name, found)
        assert found.margin is not None
        # A hair is paid at a weight of 3 at most, on either side.
        assert abs(found.margin - expected) <= (6 * HAIR if of.partial else 0), (asked.name, found)
        for pair in filter(None, (found.pair, found.plainest)):
            assert feasible(pair.better, budget)
            assert feasible(pair.worse, budget)
            assert (pair.better_score, pair.worse_score) == (of.score(pair.better), of.score(pair.worse))
            assert any(region.holds(pair.better) for region in asked.better(of.need))
        if found.plainest is not None:
            assert broken(asked, found.plainest)
