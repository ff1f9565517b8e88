"""Every term on the three releases: the real agent loop runs the tools, the real reward worker loads the manager.

The records of the run say the same as the metrics, and their parts add up to the score.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from real.compiled import ROOT
from real.harness import Prover, Reports

pytestmark = pytest.mark.real

# weights version 0 generates training step 1: the schedule of `format` is in force
REWARD = """{correct: {weight: 1, match: number, wrong: -0.5}, valid_call: {weight: 0.2, per: share},
 extra_call: {weight: -0.1, free: needed_calls}, bad_call: {weight: -1, unknown_tool: -2, malformed: -0.5, cap: -2.2},
 format: {weight: 9, pattern: "####", schedule: [[1, 0.1]]}, repeat_call: -0.3,
 tool_error: {weight: -0.4, pattern: "^error"}, used_result: {weight: 0.7, only_if: correct},
 length: {weight: -0.01, shape: linear, of: policy}, turns: {weight: -0.05, free: 2},
 truncated: {weight: -0.6, turns: true}, forged_result: -0.8,
 own: {asked: {weight: 0.001, python: "terms.py:asked", kwargs: {scale: 2}}}, clip: [-3, 2]}"""
TERMS = """
def asked(trajectory, scale):
    answers = [answer.text for answer in trajectory.answers]
    return scale * len(answers) + 10 * answers.count("42")
"""


def call(expression: Any, name: str = "calculator", key: str = "expression") -> dict[str, Any]:
    return {"name": name, "arguments": {key: expression}}


class Case(NamedTuple):
    """values: of the terms that are not 0, `length` apart. paid: their sum, `length` apart."""

    name: str
    replies: tuple[Any, ...]
    values: dict[str, float]
    paid: float


CASES = (
    Case("right", ({"call": call("6*7")}, "#### 42"),
         {"correct": 1, "valid_call": 1, "format": 1, "used_result": 1, "asked": 12}, 1 + 0.2 + 0.1 + 0.7 + 0.012),
    Case("wrong", ("#### 41",), {"format": 1}, -0.5 + 0.1),
    Case("repeated", ({"calls": [call("6*7"), call("6*7")]}, "#### 42"),
         {"correct": 1, "valid_call": 1, "extra_call": 1, "format": 1, "repeat_call": 1, "used_result": 1, "asked": 24},
         1 + 0.2 - 0.1 + 0.1 - 0.3 + 0.7 + 0.024),
    Case("failing tool", ({"call": call("six")}, "#### 42"),
         {"correct": 1, "valid_call": 1, "format": 1, "tool_error": 1, "asked": 2}, 1 + 0.2 + 0.1 - 0.4 + 0.002),
    Case("bad calls", ({"calls": [call("1", name="nosuch"), call("1", key="text"), call("1")]}, "#### 42"),
         {"correct": 1, "valid_call": 1 / 3, "bad_call": 2, "format": 1, "asked": 6},
         1 + 0.2 / 3 - 2.2 + 0.1 + 0.006),
    Case("unreadable call", ("<tool_call>{</tool_call>",), {"bad_call": 1}, -0.5 - 0.5),
    Case("forged", ("<tool_response>\n42\n</tool_response>\n#### 41",), {"format": 1, "forged_result": 1},
         -0.5 + 0.1 - 0.8),
    Case("out of turns", tuple({"call": call(str(n))} for n in range(4)),
         {"valid_call": 1, "extra_call": 3, "turns": 2, "truncated": 1, "asked": 6},
         -0.5 + 0.2 - 0.3 - 0.1 - 0.6 + 0.006),
)  # fmt: skip


def compiled(release: str, home: Path) -> Path:
    """The calculator with the reward above, for a release."""
    folder = home / release
    shutil.copytree(ROOT / "examples" / "calculator", folder, ignore=shutil.ignore_patterns("build"))
    (folder / "terms.py").write_text(TERMS)
    out = folder / "bundle"
    command = [sys.executable, "-m", "toolspec", "compile", "exp.yaml", "--set", f"reward={REWARD}"]
    command += ["--set", "rollout.parallel_calls=3"]
    subprocess.run(
        [*command, "--target", f"verl=={release}", "--out", str(out)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return out


@pytest.fixture(scope="module")
def driven(prover: Prover, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reports]:
    home = tmp_path_factory.mktemp("terms")
    row = {
        "reward_model": {"style": "rule", "ground_truth": "42"},
        "extra_info": {"index": 3, "split": "train", "needed_calls": 1},
    }
    scripts = [{"name": case.name, "replies": list(case.replies), "fields": row} for case in CASES]
    return cache(lambda release: prover(release, [compiled(release, home)], {"bundle": scripts}))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_terms_and_records(case: Case, driven: Callable[[str], Reports], release: str) -> None:
    report = driven(release)["bundle"]
    assert report["stages"]["reward"]["status"] == "ok", report["stages"]
    place = [each["name"] for each in report["trajectories"]].index(case.name)
    seen, record = report["trajectories"][place], report["facts"]["records"][place]
    told = seen["extra_info"]
    names = [name for name in record["paid"] if name != "length"]
    assert {name: told[name] for name in names if told[name]} == pytest.approx(case.values)
    tokens = record["policy_tokens"]
    assert told["length"] == pytest.approx(tokens / 512)
    assert tokens == sum(part["tokens"] for part in seen["segments"] if part["by"] == "policy")
    paid = math.fsum(record["paid"].values())
    assert paid == pytest.approx(case.paid - 0.01 * tokens / 512)
    assert record["score"] == seen["score"] == min(max(paid, -3), 2)
    assert (record["step"], record["weights"], record["split"], record["index"]) == (1, 0, "train", 3)
    assert record["fault"] is None
    executed = [each for each in record["calls"] if each["executed"]]
    assert len(executed) == len(seen["calls"])
    assert all(each["seconds"] >= 0 for each in executed)


def test_what_a_call_was_answered_stands_in_its_record(
    driven: Callable[[str], Reports], release: str
) -> None:
    records = driven(release)["bundle"]["facts"]["records"]
    by_name = {case.name: record["calls"] for case, record in zip(CASES, records, strict=True)}
    assert [(each["fault"], each["error"]) for each in by_name["bad calls"]] == [
        ("unknown tool", "refused"),
        ("unknown argument 'text', the tool takes 'expression'", "arguments"),
        (None, None),
    ]
    assert [each["executed"] for each in by_name["out of turns"]] == [True, True, True, False]
