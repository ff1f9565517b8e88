"""What a term pays of its value, and the sum: weights, schedules, gates, caps, clip, faults."""

from __future__ import annotations

import asyncio
import importlib
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
sys.path.append(str(RUNTIME))

ts_scorer = importlib.import_module("ts_scorer")
ts_weigh = importlib.import_module("ts_weigh")
Value = ts_weigh.Value


class Letters:
    """A tokenizer with a token for each character."""

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        return "".join(map(chr, ids))


def scored(terms: list[dict[str, Any]], text: str = "4", **spec: Any) -> Any:
    """The answer `text` to a row whose answer is 4, with no tools. row: more columns of it."""
    row = {"data_source": "x", "reward_model": {"ground_truth": "4"}, **spec.pop("row", {})}
    scorer = ts_scorer.Scorer({"version": 1, "terms": terms, **spec}, Letters())
    return asyncio.run(scorer.score(list(map(ord, text)), [[0, len(text)]], row))


CORRECT = {"name": "correct", "weight": 1.0, "match": "exact"}


@pytest.mark.parametrize(
    ("entry", "step", "weight"),
    [
        ({"schedule": [[100, 0.5], [200, 0.1]]}, 1, 1.0),
        ({"schedule": [[100, 0.5], [200, 0.1]]}, 99, 1.0),
        ({"schedule": [[100, 0.5], [200, 0.1]]}, 100, 0.5),
        ({"schedule": [[100, 0.5], [200, 0.1]]}, 10_000, 0.1),
        ({"schedule": [[100, 0.5], [200, 0.1]], "between": "linear"}, 50, 0.75),
        ({"schedule": [[100, 0.5], [200, 0.1]], "between": "linear"}, 150, 0.3),
        ({"schedule": [[100, 0.5], [200, 0.1]], "between": "linear"}, 201, 0.1),
        ({}, None, 1.0),
    ],
)
def test_the_weight_at_a_step(entry: dict[str, Any], step: int | None, weight: float) -> None:
    assert ts_weigh.weight_at({"name": "x", "weight": 1.0, **entry}, step) == pytest.approx(weight)


@pytest.mark.parametrize(
    ("row", "step"),
    [
        ({"global_steps": 7}, 7),
        ({"global_steps": 7, "tool_extra_fields": {"global_steps": 3}}, 7),
        ({"tool_extra_fields": {"global_steps": 3}}, 4),
        ({"tool_extra_fields": {"global_steps": 3}, "extra_info": {"split": "train"}}, 4),
        ({"tool_extra_fields": {"global_steps": 3}, "extra_info": {"split": "val"}}, 3),
        ({"tool_extra_fields": {"global_steps": None}}, None),
        ({"tool_extra_fields": {"global_steps": -1}}, None),
        ({"global_steps": True}, None),
        ({"tool_extra_fields": None}, None),
        ({}, None),
    ],
)
def test_the_step_of_a_row(row: dict[str, Any], step: int | None) -> None:
    assert ts_weigh.step_of(row) == step


def test_a_schedule_without_a_step_is_a_fault_and_no_other_weight() -> None:
    terms = [{**CORRECT, "schedule": [[10, 0.5]]}]
    assert scored(terms, row={"global_steps": 10}).score == 0.5
    unknown = scored(terms, on_error=-0.25)
    assert unknown.score == -0.25
    assert "the step is not known, and correct has a schedule" in unknown.fault


def test_a_gate_opens_where_the_answer_is_right() -> None:
    terms = [{**CORRECT, "wrong": -0.5}, {"name": "format", "weight": 0.1, "only_if": "correct"}]
    right, wrong = scored(terms), scored(terms, "5")
    assert right.paid == {"correct": 1.0, "format": 0.1}
    assert wrong.paid == {"correct": -0.5, "format": 0.0}
    assert wrong.values == {"correct": 0.0, "format": 1.0}
    assert (wrong.metrics["acc"], wrong.metrics["correct"], wrong.score) == (0.0, 0.0, -0.5)


def test_half_right_opens_no_gate() -> None:
    terms = [
        {"name": "correct", "weight": 1.0, "match": "qa_f1"},
        {"name": "format", "weight": 0.1, "only_if": "correct"},
    ]
    half = scored(terms, "4 4 4")
    assert half.values["correct"] == 0.5
    assert half.paid["format"] == 0.0


@pytest.mark.parametrize(
    ("weight", "cap", "units", "paid"),
    [(-1, -0.9, 1, -0.9), (-1, -0.9, 3, -0.9), (-1, -2.5, 2, -2), (0.2, 0.5, 4, 0.5), (0.2, 0.5, 1, 0.2)],
)
def test_a_cap_holds_what_is_paid(weight: float, cap: float, units: float, paid: float) -> None:
    entry = {"name": "x", "weight": weight, "cap": cap}
    assert ts_weigh.paid(entry, Value(units, units), True, None) == paid


def test_the_sum_is_clipped_and_the_overlong_penalty_with_it() -> None:
    overlong = {"buffer": 1, "penalty": 5.0, "length": 1}
    assert scored([CORRECT], clip=[-1, 0.5]).score == 0.5
    long = scored([CORRECT], clip=[-1, 0.5], overlong=overlong)
    assert long.score == -1
    assert long.paid == {"correct": 1.0, "overlong": -5.0}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"between": "cubic"}, "between is hold or linear"),
        ({"only_if": "format"}, "only_if is correct"),
        ({"schedule": [[0, 1.0]]}, "rise from 1"),
        ({"schedule": [[5, 1.0], [5, 2.0]]}, "rise from 1"),
    ],
)
def test_settings_without_a_meaning_are_refused_when_the_run_starts(
    entry: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        scored([{**CORRECT, **entry}])


WEIGHTS = st.floats(-3, 3)
ENTRIES = st.fixed_dictionaries(
    {"weight": WEIGHTS},
    optional={
        "cap": WEIGHTS.filter(bool),
        "only_if": st.just("correct"),
        "schedule": st.lists(st.tuples(st.integers(1, 9), WEIGHTS), max_size=3).map(
            lambda points: [[step, weight] for step, weight in sorted(dict(points).items())]
        ),
        "between": st.sampled_from(["hold", "linear"]),
    },
)


@given(ENTRIES, st.floats(0, 50), st.floats(-5, 5), st.booleans(), st.integers(1, 12))
def test_caps_hold_and_a_weight_lies_between_its_points(
    entry: dict[str, Any], units: float, fixed: float, right: bool, step: int
) -> None:
    entry = {"name": "x", **entry}
    paid = ts_weigh.paid(entry, Value(units, units, fixed), right, step)
    cap = entry.get("cap", 0)
    assert math.isfinite(paid)
    assert not cap > 0 or paid <= cap
    assert not cap < 0 or paid >= cap
    if entry.get("only_if") and not right:
        assert paid == 0
    weights = [entry["weight"], *(weight for _, weight in entry.get("schedule", ()))]
    assert min(weights) - 1e-9 <= ts_weigh.weight_at(entry, step) <= max(weights) + 1e-9


@given(
    st.dictionaries(
        st.sampled_from(["valid_call", "extra_call", "bad_call", "format", "turns", "truncated"]),
        ENTRIES,
        min_size=1,
    ),
    st.integers(1, 12),
    st.none() | st.tuples(st.floats(-2, 0), st.floats(0.1, 2)).map(list),
)
def test_the_score_is_what_the_terms_pay(
    entries: dict[str, dict[str, Any]], step: int, clip: list[float] | None
) -> None:
    terms = [CORRECT, *({"name": name, **entry} for name, entry in entries.items())]
    found = scored(terms, row={"global_steps": step}, clip=clip)
    assert found.fault is None
    total = math.fsum(found.paid.values())
    assert found.score == (min(max(total, clip[0]), clip[1]) if clip else total)
    assert list(found.paid) == list(found.values) == [term["name"] for term in terms]
    assert all(isinstance(metric, float) and math.isfinite(metric) for metric in found.metrics.values())
