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
from toolspec.compiler.reward.vector import ANSWERS, Answer, Budget, Vector, feasible
from toolspec.compiler.reward.verdict import breaks, verdict

BUDGETS = (Budget(1, 0), Budget(1, 2), Budget(2, 1), Budget(3, 1), Budget(2, 2), Budget(3, 2))
CALLS = ("valid", "again", "unknown", "schema", "unparsed")
Turn = tuple[str, ...]


def episodes(budget: Budget) -> Iterator[tuple[Turn, ...]]:
    """Lists of turns as verl's loop lets them be: a turn without a call that was parsed is the last."""
    kinds = [turn for size in range(budget.parallel + 1) for turn in itertools.product(CALLS, repeat=size)]
    going_on = [turn for turn in kinds if any(call != "unparsed" for call in turn)]
    for turns in range(1, budget.turns + 1):
        for before in itertools.product(going_on, repeat=turns - 1):
            for last in kinds:
                calls = [call for turn in (*before, last) for call in turn]
                # The first of equal calls is new.
                if "again" not in calls or "valid" in calls[: calls.index("again")]:
                    yield (*before, last)


def vector(turns: int, counts: tuple[int, ...], answer: Answer, *flags: Any) -> Vector:
    return Vector(turns, *counts, answer, *flags)  # type: ignore[arg-type,call-arg]


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
                if (formed and answer == "none") or (used and (answer == "none" or not valid)):
                    continue
                # A call of the last turn is never executed, so its tool cannot fail.
                executed = sum(call in CALLS[:2] for turn in turns[:-1] for call in turn)
                for cut, forged in itertools.product((False, True), repeat=2):
                    for errors in range(executed + 1):
                        found.add(vector(len(turns), counts, answer, formed, cut, forged, used, errors))
    return frozenset(found)


@pytest.mark.parametrize("budget", BUDGETS)
def test_feasible_says_which_counts_there_are(budget: Budget) -> None:
    most = budget.calls + 1
    there = {
        one
        for one in (
            vector(turns, counts, answer, formed)
            for turns in range(1, budget.turns + 2)
            for counts in itertools.product(range(most + 1), repeat=5)
            if sum(counts) - counts[1] <= most
            for answer in ANSWERS
            for formed in (False, True)
        )
        if feasible(one, budget)
    }
    assert there == {
        one for one in vectors(budget) if not (one.truncated or one.forged or one.used or one.errors)
    }


def margin(asked: Property, of: Reward, budget: Budget) -> Fraction | None:
    """The least margin of a property, over all vectors or all pairs of them."""
    there = vectors(budget)
    if not of.has_pattern:
        there = frozenset(one for one in there if one.formed == (one.answer != "none"))
    better = [one for one in there if any(region.holds(one) for region in asked.better(of.need))]
    score = cache(of.score)
    if asked.move is not None:
        steps = []
        for one in better:
            if asked.move.flag and getattr(one, asked.move.flag):
                continue
            for turns in {one.turns + further for further in asked.move.further_turns}:
                after = asked.move.of(one, turns)
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


@settings(max_examples=60, deadline=None)
@given(rewards(), st.sampled_from(BUDGETS[:-1]))
def test_every_verdict_is_that_of_brute_force(of: Reward, budget: Budget) -> None:
    pay = Pay(of, budget)
    for asked in PROPERTIES:
        found = verdict(pay, asked)
        expected = margin(asked, of, budget) if budget.calls or not asked.needs_calls else None
        assert found.margin == expected, (asked.name, found)
        if expected is None:
            assert found.outcome == "no-case"
            continue
        assert found.outcome == ("refuted" if breaks(asked, expected) else "proved")
        for pair in filter(None, (found.pair, found.plainest)):
            assert feasible(pair.better, budget)
            assert feasible(pair.worse, budget)
            assert (pair.better_score, pair.worse_score) == (of.score(pair.better), of.score(pair.worse))
            assert any(region.holds(pair.better) for region in asked.better(of.need))
        if found.plainest is not None:
            assert breaks(asked, found.plainest.better_score - found.plainest.worse_score)
