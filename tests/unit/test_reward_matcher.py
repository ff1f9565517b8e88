"""What is said of the matchers, by the runtime's own terms: guesses, patterns, rows that share answers."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolspec.backends.verl.reward.tried import tried
from toolspec.compiler.patterns import samples
from toolspec.compiler.reward.matcher import READS, matcher_verdicts

OF_MATCH: dict[str, list[Any]] = {
    "choice": ["A", "B", "C", "D"],
    "json": ["1", "2", '{"a": 1}', "[1, 2]"],
}
NUMBERS: list[Any] = ["42", "17", "41", "1000"]
PATTERNS = (r"(.*)", r"\d+", r"[\s\S]+", r"(\d+)|", r"answer: (\w+)")


def rows(truths: list[Any]) -> list[dict[str, Any]]:
    return [{"reward_model": {"ground_truth": truth}} for truth in truths]


def verdicts(term: dict[str, Any], truths: list[Any], *more: dict[str, Any]) -> dict[str, Any]:
    spec = {"terms": [{"name": "correct", "weight": 1.0, **term}, *more]}
    return {each.asked.name: each for each in matcher_verdicts(spec, tried(spec, rows(truths)))}


@pytest.mark.parametrize("at_hand", [True, False])
@pytest.mark.parametrize("match", sorted(set(READS) - {"calls", "regex"}))
def test_no_answer_is_right_for_two_rows(match: str, at_hand: bool) -> None:
    found = verdicts({"match": match}, OF_MATCH.get(match, NUMBERS) if at_hand else [])
    assert found["matcher"].outcome == "proved"
    assert "answers tried on" in found["matcher"].why
    if at_hand:
        assert found["reachable"].outcome == "proved"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_that_a_pattern_matches_is_not_enough(pattern: str) -> None:
    found = verdicts({"match": "regex", "pattern": pattern}, NUMBERS)
    assert found["matcher"].outcome == "proved"
    # What matches nothing at all is found last, at the end, and is no answer.
    nothing = re.compile(pattern).fullmatch("") is not None
    assert found["reachable"].outcome == ("refuted" if nothing else "proved")


@pytest.mark.parametrize(
    ("term", "truths", "said"),
    [
        ({"match": "regex", "pattern": r"\d"}, ["4", "42", "42"], "`42`"),  # one digit is all it finds
        ({"match": "qa_em"}, ["the", "Paris"], "`the`"),  # nothing is left of it
        ({"match": "json"}, ["{'a': 1}", "1"], "`{'a': 1}`"),  # no JSON
    ],
)
def test_a_row_that_nothing_is_right_for(term: dict[str, Any], truths: list[Any], said: str) -> None:
    found = verdicts(term, truths)["reachable"]
    assert (found.outcome, found.severity) == ("refuted", "warning")
    assert said in found.why
    assert f"{truths.count(said.strip('`'))} of {len(truths)} rows" in found.why


def test_an_answer_that_is_right_everywhere_is_an_error() -> None:
    found = verdicts({"match": "exact"}, ["yes", "yes", "yes"])["matcher"]
    assert (found.outcome, found.severity) == ("refuted", "error")
    assert found.why == "`yes` is right for all of 3 rows"
    # A tolerance that reaches over all rows: one number between them.
    found = verdicts({"match": "number", "tolerance": 10.0}, ["1", "5", "12"])["matcher"]
    assert (found.outcome, found.severity) == ("refuted", "error")
    # And aliases that all rows share.
    found = verdicts({"match": "qa_em"}, [["Paris", "yes"], ["London", "yes"], ["Rome", "Yes."]])["matcher"]
    assert (found.outcome, found.severity) == ("refuted", "error")


def test_an_answer_that_is_right_often_is_a_note() -> None:
    found = verdicts({"match": "exact"}, ["yes", "yes", "no", "maybe"] * 5)["matcher"]
    assert (found.outcome, found.severity) == ("refuted", "note")
    assert "50% of 20 rows" in found.why
    assert (
        verdicts({"match": "exact"}, ["yes", "yes", "no"])["matcher"].outcome == "proved"
    )  # a few rows say little
    found = verdicts({"match": "number", "tolerance": 0.5}, ["1", "2", "7", "9", "30"])["matcher"]
    assert (found.outcome, found.severity) == ("refuted", "note")
    assert "`1.5` is right where" in found.why


def test_shared_words_are_paid_by_f1() -> None:
    found = verdicts({"match": "qa_f1"}, ["Paris in France", "Rome in Italy", "Lyon in France"])["matcher"]
    assert (found.outcome, found.severity) == ("refuted", "note")
    # One word of each of three, in an answer of all.
    value = re.search(r"is worth ([\d.]+) or more for 100% of the rows", found.why)
    assert value is not None
    assert 0.2 < float(value[1]) < 1


def test_a_form_that_is_none_and_a_result_used_by_chance() -> None:
    more = [{"name": "format", "weight": 0.1, "pattern": ".*"}, {"name": "used_result", "weight": 0.1}]
    found = verdicts({"match": "number"}, NUMBERS, *more)
    assert found["form"].outcome == found["using"].outcome == "refuted"
    more = [
        {"name": "format", "weight": 0.1, "pattern": r"<answer>\d+</answer>"},
        {"name": "used_result", "weight": 0.1, "by": "text", "only_if": "correct"},
    ]
    found = verdicts({"match": "number"}, NUMBERS, *more)
    assert found["form"].outcome == found["using"].outcome == "proved"
    by_text = {"name": "used_result", "weight": 0.1, "by": "text", "pattern": r"<answer>(.*)</answer>"}
    found = verdicts({"match": "number"}, NUMBERS, by_text)
    assert found["using"].outcome == "refuted"
    assert "<answer>the</answer>" in found["using"].why


def test_code_is_open() -> None:
    for match in ("python", "verl", "math"):
        found = verdicts({"match": match}, NUMBERS)["matcher"]
        assert found.outcome == "unknown"
        assert "--probe" in found.why
    assert [each.outcome for each in matcher_verdicts({"terms": [{"name": "format"}]}, None)] == ["no-case"]


def test_a_pattern_without_end_is_no_hang() -> None:
    found = tried({"terms": [{"name": "correct", "match": "regex", "pattern": r"(\w+\s?)*!"}]}, rows(NUMBERS))
    assert found.missing or found.tried


regexes = st.from_regex(
    r"[a-c]{0,2}(\(\?:x\|y\)|\[\^a-z]|\\d|\\s|\.|\(z\))[*+?]?([a-c]|\{2})?", fullmatch=True
)


@settings(max_examples=200, deadline=None)
@given(regexes)
def test_a_sample_is_matched(pattern: str) -> None:
    try:
        compiled = re.compile(pattern)
    except re.error:
        return
    found = samples(pattern)
    assert found
    assert all(compiled.search(text) for text in found), (pattern, found)


def test_samples_of_what_people_write() -> None:
    for pattern in (
        r"<answer>(.*?)</answer>",
        r"(?s)<think>.*</think>\s*<answer>(.+)</answer>",
        r"\\boxed\{([^}]*)\}",
        r"(?i)final answer:\s*\$?(-?\d+(?:\.\d+)?)",
        r"^(?:yes|no)$",
        r"#### (\-?[0-9\.\,]+)",
    ):
        assert any(re.search(pattern, text) for text in samples(pattern)), pattern
    assert samples("(") == []
    assert Fraction(len(samples("(a|b|c|d){3}(e|f|g)"))) > 2
