"""TS432: rows whose accepted answer the bundle's own comparison never takes for right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolspec.backends.verl.lint.lint import lint_file
from toolspec.backends.verl.written.files import Files

SPEC = """\
toolspec: 1
name: x
target: verl==0.9.1
model: Qwen/Qwen2.5-0.5B-Instruct
data: {{train: rows.jsonl, columns: {{prompt: question, answer: answer}}}}
reward: {{correct: {correct}}}
algorithm: {{name: grpo, batch: 1, group: 8}}
cluster: {{gpus: 1}}
"""


def found(folder: Path, correct: str, answers: list[Any]) -> list[tuple[str, str]]:
    (folder / "exp.yaml").write_text(SPEC.format(correct=correct), "utf-8")
    rows = [{"question": f"What is {at}?", "answer": answer} for at, answer in enumerate(answers)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    linted = lint_file(folder / "exp.yaml", None, Files())
    return [(one.severity, one.message) for one in linted.findings if one.code == "TS432"]


@pytest.mark.parametrize(
    ("correct", "right", "never"),
    [
        ("{weight: 1, match: number}", ["42", 42, "1,000", "3 apples", "-0.5"], ["many", "n/a"]),
        ("{weight: 1, match: choice}", ["B", "b", "(C)", "D. four"], ["1", "F", "yes"]),
        ("{weight: 1, match: choice, choices: ABCDEFGHIJ}", ["F", "J"], ["K"]),
        ("{weight: 1, match: json}", ['{"a": 1}', "[1, 2]"], ["a: 1", "{'a': 1}"]),
        ("{weight: 1, match: qa_em}", ["Paris", ["the", "Paris"]], ["the"]),
        ("{weight: 1, match: qa_f1}", ["New York"], ["..."]),
        ("{weight: 1, match: exact}", ["a", "The "], []),
        ("{weight: 1, match: regex, pattern: '[0-9]+'}", ["42", "many"], []),  # patterns are not run
        ("{weight: 1, match: json, pattern: 'x(.*)'}", ["many"], []),
    ],
)
def test_rows_that_can_never_be_right(
    tmp_path: Path, correct: str, right: list[Any], never: list[Any]
) -> None:
    for answer in right:
        assert found(tmp_path, correct, [answer]) == [], answer
    for answer in never:
        ((severity, message),) = found(tmp_path, correct, [answer, answer])
        assert severity == "error"
        assert "the accepted answer of all 2 train rows" in message
    if never and isinstance(right[0], str):
        ((severity, message),) = found(tmp_path, correct, [right[0], right[0], never[0]])
        assert severity == "warning"
        assert "of 1 of 3 train rows for right; the first is row 3" in message


TOOL = """\
def add(x: int) -> str:
    \"\"\"Adds.

    Args:
        x: what to add.
    \"\"\"
    return str(x)
"""
CALLS = [
    ('[{"name": "add", "arguments": {"x": 1}}]', ""),
    ('{"name": "add", "arguments": "{\\"x\\": 1}"}', ""),
    ("[]", ""),
    ('[{"name": "ad", "arguments": {"x": 1}}]', "there is no tool `ad`: did you mean `add`?"),
    ('[{"name": "add", "arguments": {"x": "1"}}]', "the call of `add` breaks its schema"),
    ('[{"name": "add", "arguments": {}}]', "the call of `add` breaks its schema"),
    ("add(1)", "it is no list of calls"),
]


@pytest.mark.parametrize(("answer", "why"), CALLS)
def test_calls_that_no_trajectory_can_make(tmp_path: Path, answer: str, why: str) -> None:
    (tmp_path / "tools.py").write_text(TOOL, "utf-8")
    told = found(tmp_path, "{weight: 1, match: calls}}\ntools: {add: tools.py:add", [answer, answer])
    assert [severity for severity, _ in told] == ["error"] * bool(why)
    assert all(why in message for _, message in told)


def test_without_validation_rows_nothing_is_left_unchecked(tmp_path: Path) -> None:
    found(tmp_path, "{weight: 1, match: number}", ["1", "2"])
    report = lint_file(tmp_path / "exp.yaml", None, Files())
    assert not [one for one in report.skipped if "val" in one.needs]
