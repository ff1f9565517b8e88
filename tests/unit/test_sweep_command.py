"""`toolspec sweep`: what it prints at 80 columns, its document, and its exit code."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import EXAMPLES, Goldens
from toolspec.cli.app import run

pytestmark = pytest.mark.slow

SPEC = """\
toolspec: 1
name: weights
target: verl==0.9.1
model: Qwen/Qwen2.5-3B-Instruct
data: {train: ~/data/toolcall/train.parquet}
tools:
  calculator: tools.py:calculator
reward:
  correct: {weight: 1.0, match: number}
  valid_call: 0.2
  extra_call: -0.1
  bad_call: {weight: -1.0, cap: -0.7}
algorithm: {name: grpo, batch: 128}
train: {micro_batch: 8}
budget: {turns: 5}
cluster: {gpus: 8, slurm: {time: 12h}}
evaluation: {every: never}
"""
CASES = {
    "plain": "sweep: {reward.valid_call: [0.1, 0.4], algorithm.lr: [1e-6, 2e-6]}\n",
    "mixed": (
        "sweep:\n"
        "  zip: {algorithm.batch: [128, 130], algorithm.group: [8, 3]}\n"
        "  simplex: {terms: [correct, valid_call], keep: order, steps: 3}\n"
        "  description: [a, b]\n"
        "  parallel: 4\n"
    ),
    "wide": (
        'sweep: {tracking.project: [a-rather-long-name-of-a-project, "b\\e[31m\\n"], algorithm.lr: [1e-6], '
        "algorithm.critic_lr: [1e-6], tracking.experiment: [a-rather-long-name-of-an-experiment]}\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(EXAMPLES / "seed-ppo" / "tools.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, capsys: Any, text: str, *arguments: str) -> tuple[int, str, str]:
    Path("exp.yaml").write_text(text, "utf-8")
    monkeypatch.setattr(sys, "argv", ["toolspec", "sweep", "exp.yaml", *arguments])
    code = run()
    said = capsys.readouterr()
    return code, said.out, said.err


def test_sweep_text(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, goldens: Goldens) -> None:
    for name, sweep in CASES.items():
        code, out, err = call(monkeypatch, capsys, SPEC + sweep, "--list")
        assert err == ""
        assert "\x1b" not in out
        assert max(map(len, out.splitlines())) <= 80
        goldens.check(f"{name}.txt", f"{out}exit code {code}\n")


def test_the_document(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    code, out, _ = call(monkeypatch, capsys, SPEC + CASES["mixed"], "--format", "json")
    found = json.loads(out)
    assert code == 1
    assert list(found) == ["version", "name", "parallel", "points", "findings", "gpu_hours"]
    assert (found["version"], found["name"], found["parallel"]) == (1, "weights", 4)
    assert len(found["points"]) == 12
    assert {frozenset(point) for point in found["points"]} == {
        frozenset(("name", "values", "bundle", "findings", "gpu_hours", "same_as"))
    }
    by_name = {point["name"]: point for point in found["points"]}
    for point in by_name.values():
        uneven = point["values"]["algorithm.batch"] == 130
        assert any(f["severity"] == "error" for f in point["findings"]) == uneven
        assert (point["bundle"] is None) == uneven
        if not uneven and point["values"]["description"] == "b":
            first = by_name[point["same_as"]]
            assert {**first["values"], "description": "b"} == point["values"]
    # 3 of the 6 that compile are the same as the other 3, and the other 6 cannot be compared.
    assert found["gpu_hours"] == {"total": 9 * 96.0, "points_without_a_limit": 0, "budget": None}


def test_gpu_hours_over_the_budget_are_an_error_at_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    text = SPEC.replace("budget: {turns: 5}", "budget: {turns: 5, gpu_hours: 300}") + CASES["plain"]
    code, out, _ = call(monkeypatch, capsys, text, "--format", "json")
    (error,) = [f for f in json.loads(out)["findings"] if f["severity"] == "error"]
    assert code == 1
    assert (error["code"], error["line"], error["spec_path"]) == ("TS501", 15, "budget.gpu_hours")
    assert "4 × 96 = 384 GPU-hours, over the budget of 300" in error["message"]
    code, out, _ = call(monkeypatch, capsys, text, "--set", "budget.gpu_hours=400")
    assert code == 0
    assert "GPU-hours: 384 of 400" in out
    code, out, _ = call(monkeypatch, capsys, text.replace(", slurm: {time: 12h}", ""))
    assert code == 0
    assert "not known without a time limit" in out


def test_a_spec_without_a_sweep_says_how_to_write_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    code, out, err = call(monkeypatch, capsys, SPEC)
    assert (code, out) == (1, "")
    assert "no `sweep`" in err and "fix: sweep: {reward.valid_call" in err


def test_settings_and_comments_silence_findings_of_points(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    text = SPEC + "sweep: {train.micro_batch: [8, 16], reward.bad_call.cap: [-0.9, -1.5]}\n"
    _, out, _ = call(monkeypatch, capsys, text, "--format", "json")
    assert "TS431" in codes_of(out)
    Path(".toolspec.toml").write_text('ignore = ["TS431"]\n', "utf-8")
    _, out, _ = call(monkeypatch, capsys, text, "--format", "json")
    assert "TS431" not in codes_of(out)


def codes_of(out: str) -> set[str]:
    return {finding["code"] for point in json.loads(out)["points"] for finding in point["findings"]}
