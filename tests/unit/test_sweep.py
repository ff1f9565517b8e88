"""`sweep`: a value that the spec could not have at its path is a problem before anything is compiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolspec.specs.loading import load
from toolspec.specs.problem import ProblemError

SPEC = """\
toolspec: 1
name: s
model: a/b
data: {train: ~/x.parquet}
reward: {correct: {weight: 1, match: number, tolerance: 0.5}, valid_call: 0.2}
algorithm: grpo
sweep:
"""


def found(tmp_path: Path, sweep: str) -> list[tuple[int, str]]:
    file = tmp_path / "exp.yaml"
    file.write_text(SPEC + sweep, "utf-8")
    try:
        load(file)
    except ProblemError as error:
        return [(p.span.line if p.span else 0, p.code) for p in error.problems]
    return []


@pytest.mark.parametrize(
    "sweep",
    ["  reward.valid_call: [0.1, 0.4]", "  reward.correct: [2]", "  algorithm.lr: [1e-6, {peak: 2e-6}]"],
)
def test_values_that_fit(tmp_path: Path, sweep: str) -> None:
    assert found(tmp_path, sweep) == []


@pytest.mark.parametrize(
    ("sweep", "code"),
    [
        ("  reward.valid_call: [0.1, high]", "TS026"),
        ("  algorithm.bach: [1]", "TS023"),
        ("  extends: [a.yaml]", "TS027"),
        ("  algorithm.batch: [0]", "TS026"),
    ],
)
def test_values_that_do_not(tmp_path: Path, sweep: str, code: str) -> None:
    assert found(tmp_path, sweep) == [(8, code)]
