"""What a row asks for, and answers that it does not accept."""

from __future__ import annotations

from typing import Any

import pytest

from toolspec.backends.verl.rehearsal.row_answers import common_answer, guess_for, truth_of

FUNCTION = {"python": {"file": "reward.py", "function": "score"}}


def rows(*answers: Any) -> list[dict[str, Any]]:
    return [
        {"raw_prompt": [{"role": "user", "content": f"{at}?"}], "reward_model": {"ground_truth": answer}}
        for at, answer in enumerate(answers)
    ]


@pytest.mark.parametrize(
    ("own", "other", "guess"),
    [
        ("Yes", "yes", "Yes0"),
        ("1,000", "1000.0", "-1001"),
        ("0.5", "0.50", "-1.5"),
        (["The Hague", "Hague"], "hague", "Hague0"),
        ('{"a": 1}', '{"a":1}', "null"),
        ("yes", "no", "no"),
        ("-3", "3", "3"),
    ],
)
def test_a_guess_is_right_in_no_other_writing(own: Any, other: Any, guess: str) -> None:
    assert guess_for(rows(own, other), FUNCTION, 0) == guess


def test_an_answer_may_stand_in_a_mapping() -> None:
    """As Search-R1 has it: verl's own scorer reads ground_truth["target"]."""
    (row,) = rows({"target": ["James Joyce", "Joyce"]})
    assert truth_of(row, FUNCTION) == "James Joyce"
    assert truth_of(row, {"terms": [{"name": "correct", "match": "json"}]}) == {
        "target": ["James Joyce", "Joyce"]
    }


def test_a_common_answer_needs_two_questions() -> None:
    assert common_answer(rows(["x", "yes"], ["yes"]), FUNCTION) == "yes"
    assert common_answer(rows("yes", "no"), FUNCTION) is None
    assert common_answer(rows("yes"), FUNCTION) is None
