"""The runtime's reading of answers: numbers, letters, patterns, and the five reward terms, without verl."""

from __future__ import annotations

import asyncio
import importlib
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
sys.path.append(str(RUNTIME))

ts_number = importlib.import_module("ts_number")
ts_text = importlib.import_module("ts_text")
ts_terms = importlib.import_module("ts_terms")
ts_trajectory = importlib.import_module("ts_trajectory")
ts_weigh = importlib.import_module("ts_weigh")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("It is 41.", 41),
        ("first 3, then 1,234.50", Fraction("1234.5")),
        ("$1,234", 1234),
        ("-$5", -5),
        ("$-5", -5),
        ("− 3 and −3", -3),
        ("答案是-5。", -5),
        ("50%", 50),
        ("x2", None),
        ("7 g of CO2", 7),
        ("10-5", 5),
        ("3–5", 5),
        ("3/4", Fraction(3, 4)),
        ("1 3/4", Fraction(7, 4)),
        (r"-\frac12", Fraction(-1, 2)),
        (r"3\dfrac{1}{2}", Fraction(7, 2)),
        ("1.5e-3", Fraction("0.0015")),
        (r"1.5 \times 10^{3}", 1500),
        ("10^-2", Fraction(1, 100)),
        ("#### 72\nand 9", 72),
        ("#### 72 then \\boxed{9}", 9),
        (r"\boxed{\frac{1}{2}} is about 3", Fraction(1, 2)),
        (r"\boxed{1{,}234}", 1234),
        ("####", None),
        ("1/0", None),
        ("1e999999999", None),
        ("10^{999999999}", None),
        ("9" * 500, None),
        ("", None),
        ("none", None),
        (True, None),
        (41, 41),
    ],
)
def test_number_of_a_text(text: Any, value: Any) -> None:
    assert ts_number.number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{" * 20000,
        "\\frac{" + " " * 50000,
        "1," * 50000,
        "1 1/" * 30000,
        "1" + " " * 50000,
        "$-" * 50000,
    ],
)
def test_hostile_texts_are_read_in_linear_time(text: str) -> None:
    # A quadratic reading of 50,000 characters takes minutes; the test's own limit is the runner's.
    half, whole = text[: len(text) // 2], text
    ts_number.number(half)
    ts_number.number(whole)


def test_tolerance_is_exact() -> None:
    assert ts_number.same_number("0.3", "0.1", 0.2)
    assert not ts_number.same_number("0.30000000001", "0.1", 0.2)
    assert not ts_number.same_number("no number", "no number")


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is B.", "B"),
        ("A or (C)", "C"),
        ("**D**", "D"),
        ("BAD CAB", None),
        ("B is right, it's A's brother", "B"),
        (r"\boxed{b}, not A", "B"),
        (r"\boxed{\text{A}} or B", "A"),
        ("#### c", "C"),
        ("F", None),
    ],
)
def test_choice(text: str, letter: str | None) -> None:
    assert ts_text.choice(text) == letter


def score(settings: dict[str, Any], compute_score: Any = None, **trajectory: Any) -> float:
    term = ts_terms.build(settings, compute_score)
    found: float = ts_weigh.valued(asyncio.run(term(ts_trajectory.Trajectory(**trajectory)))).value
    return found


def call(fault: str | None = None) -> Any:
    return ts_trajectory.Call(0, "calculator", "{}", fault)


@pytest.mark.parametrize(
    ("settings", "answer", "truths", "value"),
    [
        ({"match": "exact"}, " New   York\n", ("New York",), 1),
        ({"match": "exact"}, "new york", ("New York",), 0),
        ({"match": "exact", "ignore_case": True}, "new york", ("New York",), 1),
        ({"match": "exact"}, "", ("",), 0),
        ({"match": "number"}, "so 41", ("42", "41"), 1),
        ({"match": "number"}, "", ("41",), 0),
        (
            {"match": "regex", "pattern": r"<answer>(.*?)</answer>"},
            "<answer>a</answer><answer> b </answer>",
            ("b",),
            1,
        ),
        (
            {"match": "regex", "pattern": r"<answer>(.*?)</answer>"},
            "<answer>a</answer><answer>b</answer>",
            ("a",),
            0,
        ),
        ({"match": "regex", "pattern": r"\d+"}, "7 or 8", ("8",), 1),
        ({"match": "regex", "pattern": r"\d+"}, "7", ("8",), 0),
        ({"match": "choice"}, "It is (B)", ("b",), 1),
        ({"match": "choice"}, "It is (B)", ("B. a cat",), 1),
    ],
)
def test_correct(settings: dict[str, Any], answer: str, truths: tuple[Any, ...], value: float) -> None:
    assert score({"name": "correct", **settings}, answer=answer, truths=truths) == value


def test_correct_by_the_scorer_that_verl_passes() -> None:
    def scorer(
        data_source: str, solution_str: str, ground_truth: str, extra_info: dict[str, Any]
    ) -> dict[str, Any]:
        return {"score": -1.0, "acc": solution_str == f"{data_source}:{ground_truth}:{extra_info['k']}"}

    given = {"data_source": "s", "ground_truth": "g", "extra_info": {"k": 1}}
    assert score({"name": "correct", "match": "verl"}, scorer, solution="s:g:1", **given) == 1
    assert score({"name": "correct", "match": "verl"}, scorer, solution="s:g:2", **given) == 0


def test_a_row_without_an_answer_is_a_fault_not_a_wrong_answer() -> None:
    with pytest.raises(ValueError, match="no accepted answer"):
        score({"name": "correct", "match": "exact"}, answer="a", truths=())


def test_terms_that_count_calls() -> None:
    calls = (call(), call("unknown tool"), call(), call())
    counted = {
        name: score({"name": name}, calls=calls, malformed=2)
        for name in ("valid_call", "extra_call", "bad_call")
    }
    assert counted == {"valid_call": 1, "extra_call": 2, "bad_call": 3}
    assert score({"name": "extra_call", "free": 3}, calls=calls) == 0
    assert score({"name": "valid_call"}, calls=(call("unknown tool"),), malformed=1) == 0


def test_format_wants_an_answer_of_its_own_accord() -> None:
    assert score({"name": "format"}, answer="x") == 1
    assert score({"name": "format"}, answer="x", truncated=True) == 0
    assert score({"name": "format"}, answer=" ") == 0
    assert score({"name": "format", "pattern": r"####\s*\d"}, answer="so\n#### 4") == 1
    assert score({"name": "format", "pattern": r"####\s*\d"}, answer="so 4") == 0


def test_an_unknown_term_or_match_is_refused_when_it_is_built() -> None:
    with pytest.raises(ValueError, match="unknown reward term 'nosuch'"):
        ts_terms.build({"name": "nosuch"}, None)
    with pytest.raises(ValueError, match="unknown match 'nosuch'"):
        ts_terms.build({"name": "correct", "match": "nosuch"}, None)
