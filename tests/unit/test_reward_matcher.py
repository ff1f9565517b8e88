"""What is said of the matchers, tried with the runtime: lists of guesses, patterns that take anything, noise."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import sys
from pathlib import Path
from typing import Any

import pytest

from toolspec.compiler.reward.matcher import READS, matcher_verdict

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
sys.path.append(str(RUNTIME))

ts_terms = importlib.import_module("ts_terms")
ts_trajectory = importlib.import_module("ts_trajectory")

TRUTHS: dict[str, tuple[str, ...]] = {
    "choice": ("A", "B", "C", "D"),
    "json": ("1", "2", '{"a": 1}', "[1, 2]"),
}
OTHERS = ("42", "17", "41", "1000")
PATTERNS = (r"(.*)", r"\d+", r"[\s\S]", r"(\d)\d*|", r"answer: (\w+)")


def settings_of(match: str) -> list[dict[str, Any]]:
    if match == "regex":
        return [{"match": match, "pattern": pattern} for pattern in PATTERNS]
    return [{"match": match}]


def guesses(truths: tuple[str, ...]) -> list[str]:
    """Answers that name several of the accepted ones, or none."""
    found = ["", " ", "0", "A", "I do not know", "answer: answer: "]
    for size in range(1, len(truths) + 1):
        for some in itertools.permutations(truths, size):
            found += [sign.join(some) for sign in (" ", ", ", "\n", " or ", "answer: ", "")]
            found.append("[" + ", ".join(some) + "]")
    return found


def value(term: Any, answer: str, truth: str) -> float:
    found = asyncio.run(term(ts_trajectory.Trajectory(answer=answer, truths=(truth,), ground_truth=truth)))
    return float(getattr(found, "value", found))


@pytest.mark.parametrize("match", sorted(set(READS) - {"calls"}))
def test_no_answer_is_right_for_two_rows(match: str) -> None:
    truths = TRUTHS.get(match, OTHERS)
    assert matcher_verdict({"terms": [{"name": "correct", "match": match}]}).outcome == "proved"
    for settings in settings_of(match):
        term = ts_terms.build({"name": "correct", "weight": 1.0, **settings}, None)
        hits = 0
        for answer in guesses(truths):
            right = [truth for truth in truths if value(term, answer, truth) == 1.0]
            assert len(right) <= 1, (settings, answer, right)
            hits += len(right)
        assert hits or settings.get("pattern") in PATTERNS, settings


def test_shared_words_are_paid_by_f1() -> None:
    found = matcher_verdict({"terms": [{"name": "correct", "match": "qa_f1"}]})
    assert found.outcome == "refuted"
    term = ts_terms.build({"name": "correct", "weight": 1.0, "match": "qa_f1"}, None)
    assert "2/3" in found.why
    assert value(term, "Paris London", "London") == pytest.approx(2 / 3)
    assert value(term, "Paris London", "Paris") == pytest.approx(2 / 3)


def test_a_tolerance_is_said() -> None:
    found = matcher_verdict({"terms": [{"name": "correct", "match": "number", "tolerance": 0.5}]})
    assert "by 1 or less" in found.why
    term = ts_terms.build({"name": "correct", "weight": 1.0, "match": "number", "tolerance": 0.5}, None)
    assert value(term, "1.5", "1") == value(term, "1.5", "2") == 1.0


def test_code_is_open() -> None:
    assert matcher_verdict({"terms": [{"name": "correct", "match": "python"}]}).outcome == "unknown"
    assert matcher_verdict({"terms": [{"name": "format"}]}).outcome == "no-case"
