"""The records of a real run (tests/data/run-calculator): what they say is what verl logged and trained on."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "backends" / "verl" / "runtime"))
ts_faults = importlib.import_module("ts_faults")
ts_record = importlib.import_module("ts_record")

RUN = ROOT / "tests" / "data" / "run-calculator"
# verl keeps scores as float32.
FLOAT32 = 1e-6


def lines(pattern: str) -> Iterator[dict[str, Any]]:
    for file in sorted(RUN.glob(pattern)):
        yield from map(json.loads, file.read_text("utf-8").splitlines())


RECORDS: list[dict[str, Any]] = list(ts_record.records(RUN))
LOGGED: dict[int, dict[str, float]] = {line["step"]: line["data"] for line in lines("metrics.jsonl")}


def by_step(split: str) -> dict[int, list[dict[str, Any]]]:
    found = defaultdict(list)
    for record in RECORDS:
        if record["split"] == split:
            found[record["step"]].append(record)
    return found


def test_every_trajectory_is_recorded_once() -> None:
    assert {step: len(found) for step, found in by_step("train").items()} == dict.fromkeys((1, 2, 3, 4), 128)
    assert {step: len(found) for step, found in by_step("val").items()} == {0: 64, 4: 64}
    assert len({(record["uid"], record["session"]) for record in RECORDS}) == len(RECORDS)
    scored, faults, _ = ts_faults.counted(RUN)
    assert faults == sum(record["fault"] is not None for record in RECORDS) == 0
    assert 0 < scored <= len(RECORDS)  # written every 5 seconds


def test_terms_add_up_to_the_score_that_verl_logged() -> None:
    for record in RECORDS:
        assert math.isclose(math.fsum(record["paid"].values()), record["score"], abs_tol=1e-12)
    for step, found in by_step("train").items():
        mean = math.fsum(record["score"] for record in found) / len(found)
        assert mean == pytest.approx(LOGGED[step]["critic/score/mean"], abs=FLOAT32)
    assert len({LOGGED[step]["critic/score/mean"] for step in (1, 2, 3, 4)}) == 4
    for step, found in by_step("val").items():
        for term in (*found[0]["paid"], "score", "tool_calls", "tool_parse_success"):
            mean = math.fsum(record["metrics"][term] for record in found) / len(found)
            assert mean == pytest.approx(LOGGED[step][f"val-aux/val/{term}/mean@1"]), term


def test_each_trajectory_was_trained_on_with_the_score_of_its_record() -> None:
    trained = {line["uid"]: line for line in lines("rollouts/*.jsonl")}
    found = [record for record in RECORDS if record["split"] == "train"]
    assert len(trained) == len(found)
    for record in found:
        line = trained[f"{record['uid']}_{record['session']}_0"]
        assert (line["step"], line["score"]) == (record["step"], pytest.approx(record["score"], abs=FLOAT32))
        assert line["output"].endswith(record["answer"])
        assert line["output"].count("<tool_call>") >= len(record["calls"])


def test_the_run_is_varied_enough_to_say_something() -> None:
    """Right and wrong, with valid, bad, unread and superfluous calls."""
    found = [record for record in RECORDS if record["split"] == "train"]
    paid = {tuple(record["paid"].values()) for record in found}
    assert len(paid) > 6
    assert any(record["malformed"] for record in found)
    assert any(call["fault"] for record in found for call in record["calls"])
