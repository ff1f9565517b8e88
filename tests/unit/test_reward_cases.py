"""Schedules and needed calls: a verdict of a stage against that of each of its steps, and of rows against the rows."""

from __future__ import annotations

import importlib
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolspec.compiler.reward.analysis import analyse
from toolspec.compiler.reward.cases import Needs, cases, reward_at, weight_at
from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.properties import PROPERTIES
from toolspec.compiler.reward.throughout import Stage
from toolspec.compiler.reward.vector import Budget
from toolspec.compiler.reward.verdict import verdict

pytestmark = pytest.mark.slow

sys.path.append(str(Path(__file__).parents[2] / "backends" / "verl" / "runtime"))
ts_weigh = importlib.import_module("ts_weigh")

BUDGETS = (Budget(2, 1), Budget(2, 2), Budget(3, 1))
tenths = st.integers(-20, 20).map(lambda number: number / 10)
SEED: list[dict[str, Any]] = [
    {"name": "correct", "weight": 1.0, "match": "number"},
    {"name": "valid_call", "weight": 0.2},
    {"name": "extra_call", "weight": -0.1, "free": 1},
    {"name": "bad_call", "weight": -1.0},
]


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """Terms with schedules of a few steps, held or in straight lines, capped or not; the sum clipped or not."""
    found: list[dict[str, Any]] = []
    for more in (
        {"name": "correct", "match": draw(st.sampled_from(["number", "qa_f1"]))},
        {"name": "valid_call", "per": draw(st.sampled_from(["once", "call"]))},
        {"name": "extra_call", "free": draw(st.sampled_from([1, "needed_calls"]))},
        {"name": "bad_call"},
        {"name": "turns"},
    ):
        if more["name"] != "correct" and draw(st.booleans()):
            continue
        entry = {**more, "weight": draw(tenths)}
        if draw(st.booleans()):
            steps = sorted(draw(st.sets(st.integers(1, 12), min_size=1, max_size=2)))
            entry["schedule"] = [[step, draw(tenths)] for step in steps]
            entry["between"] = draw(st.sampled_from(["hold", "linear"]))
        if draw(st.booleans()):
            entry["cap"] = draw(st.sampled_from([-1.1, -0.5, 0.4, 0.9]))
        found.append(entry)
    clip = draw(st.none() | st.sampled_from([[-1.0, 1.0], [0.0, 0.7]]))
    return {"terms": found, **({"clip": clip} if clip else {})}


@settings(max_examples=60, deadline=None)
@given(entries(), st.sampled_from(BUDGETS), st.integers(0, 3))
def test_a_stage_says_what_its_steps_say(given_: dict[str, Any], budget: Budget, need: int) -> None:
    seen: list[int] = []
    for case in cases(given_, Needs((need,))):
        stage = Stage(case, budget)
        steps = range(case.first, (case.last or case.first + 3) + 1)
        seen += steps
        pays = [Pay(reward_at(given_, step, case.need), budget) for step in steps]
        for asked in PROPERTIES:
            each = [verdict(pay, asked) for pay in pays]
            found = stage.verdict(asked)
            outcomes = {one.outcome for one in each}
            expected = "refuted" if "refuted" in outcomes else each[0].outcome
            assert found.outcome == expected, (asked.name, case.words, found, [one.margin for one in each])
            if found.outcome == "refuted":
                assert found.case is not None
                assert each[found.case.first - case.first].outcome == "refuted"
                assert found.pair is not None
                assert found.pair.better_score == found.case.reward.score(found.pair.better)
    assert seen == list(range(1, seen[-1] + 1))


@given(entries(), st.integers(1, 20))
def test_weights_are_those_of_the_runtime(given_: dict[str, Any], step: int) -> None:
    for entry in given_["terms"]:
        told = ts_weigh.weight_at(entry, step)
        assert abs(Fraction(told) - weight_at(entry, step)) < Fraction(1, 10**12)


def test_a_break_within_a_stage_is_found() -> None:
    # A held weight is capped below the answer; in straight lines, with a higher cap, two calls pass it.
    terms = [SEED[0], {**SEED[1], "per": "call", "cap": 0.9, "schedule": [[50, 3.0], [100, 0.0]]}]
    found = {each.asked.name: each for each in analyse({"terms": terms}, Budget(3, 1), False).verdicts}
    assert found["call-not-needed"].outcome == "refuted"
    assert found["solved-first"].outcome == "proved"
    terms[1] = {**terms[1], "cap": 1.5, "between": "linear"}
    found = {each.asked.name: each for each in analyse({"terms": terms}, Budget(3, 1), False).verdicts}
    broken = found["solved-first"]
    assert broken.outcome == "refuted"
    assert broken.case is not None
    # In the last turn stand calls too: three at 0.2 + 2.8·t/50 are more than the answer from the third step on.
    assert broken.case.first == 3
    assert "steps 1 to 49" in broken.why


@pytest.mark.parametrize(
    ("needs", "outcome"),
    [
        (Needs((1, 2), 10), "proved"),  # the rows are there, and none of them needs no call
        (Needs((0, 2), 10), "refuted"),
        (None, "unknown"),
    ],
)
def test_rows_that_need_no_call_are_told_apart(needs: Needs | None, outcome: str) -> None:
    terms = [*SEED[:2], {"name": "extra_call", "weight": -0.1, "free": "needed_calls"}, SEED[3]]
    analysis = analyse({"terms": terms}, Budget(4, 1), False, needs)
    found = {each.asked.name: each for each in analysis.verdicts}
    # One call costs 0.1 there and is paid 0.2.
    assert found["best-is-honest"].outcome == outcome
    if outcome != "proved":
        assert "rows that need no calls" in found["best-is-honest"].why
    assert len(analysis.parts) == (2 if needs else 4)


def test_calls_that_are_not_executed_are_paid_too() -> None:
    terms = [SEED[0], {"name": "valid_call", "weight": 0.2, "per": "call"}]
    found = {each.asked.name: each for each in analyse({"terms": terms}, Budget(2, 1, 1024)).verdicts}
    worse = found["best-is-solved"]
    assert worse.outcome == "refuted"
    assert worse.pair is not None
    assert worse.pair.worse.valid > 6
    # A few calls fit into 64 tokens, and they do not make up for the answer.
    short = {each.asked.name: each for each in analyse({"terms": terms}, Budget(2, 1, 64)).verdicts}
    assert short["best-is-solved"].outcome == "proved"


def test_a_call_that_failed_is_no_bad_call() -> None:
    """A pay for failed calls says nothing of whether a right answer outweighs bad ones."""
    terms = [SEED[0], {"name": "tool_error", "weight": 1.6}]
    found = {
        each.asked.name: each for each in analyse({"terms": terms}, Budget(3, 1), numbers=False).verdicts
    }
    assert found["answer-outweighs"].outcome == "proved"
    assert found["answer-outweighs"].margin == 1


def test_out_of_turns_is_paid_where_the_last_turn_gives_no_answer() -> None:
    """truncated.turns: with one turn more than it takes to be solved, calling on to the end is paid best."""
    term = {"name": "truncated", "weight": 1.5}
    by_turns = {"name": "truncated", "weight": 1.5, "turns": True, "cap": 1.2}
    budget = Budget(2, 1)
    found = {
        each.asked.name: each
        for each in analyse({"terms": [SEED[0], SEED[1], by_turns]}, budget, numbers=False).verdicts
    }
    worse = found["unparsed-call"].pair
    assert found["unknown-tool"].outcome == "refuted"
    assert worse is not None
    pair = found["unknown-tool"].plainest
    assert pair is not None
    assert (pair.worse.turns, pair.worse.out_of_turns, pair.better.out_of_turns) == (2, True, False)
    plain = analyse({"terms": [SEED[0], SEED[1], term]}, budget, numbers=False).verdicts
    assert {each.asked.name: each.outcome for each in plain}["unknown-tool"] == "proved"
