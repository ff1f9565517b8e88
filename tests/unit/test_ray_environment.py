"""What Ray's processes are run with: the log that they write is the record of the run."""

from __future__ import annotations

import sys
from pathlib import Path

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
if str(RUNTIME) not in sys.path:
    sys.path.insert(0, str(RUNTIME))

import ts_attempt  # noqa: E402
import ts_ray  # noqa: E402


def attempt(token: str = "5ecret") -> ts_attempt.Attempt:
    return ts_attempt.Attempt(Path("run"), 1, "abcd1234", "7", 7, 0, 0, 1, None, token, None)


def test_every_line_of_the_log_is_kept_and_whole() -> None:
    made = ts_ray.environment_of(attempt(), {"PYTHONUNBUFFERED": "1", "HOME": "/h"})
    assert made["RAY_DEDUP_LOGS"] == "0"
    assert "PYTHONUNBUFFERED" not in made
    assert made["HOME"] == "/h"
    assert ts_ray.environment_of(attempt(), {"RAY_DEDUP_LOGS": "1"})["RAY_DEDUP_LOGS"] == "1", (
        "the user's own"
    )


def test_the_jobs_own_ray_is_used_and_nobody_elses() -> None:
    before = {"RAY_ADDRESS": "another:6379", "RAY_AUTH_TOKEN": "another", "RAY_AUTH_MODE": "disabled"}
    made = ts_ray.environment_of(attempt(), before)
    assert "RAY_ADDRESS" not in made
    assert (made["RAY_AUTH_MODE"], made["RAY_AUTH_TOKEN"]) == ("token", "5ecret")


def test_one_of_the_three_lists_of_gpus_is_left() -> None:
    every = dict.fromkeys(("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"), "0,1")
    assert [name for name in ts_ray.environment_of(attempt(), every) if name in every] == [
        "CUDA_VISIBLE_DEVICES"
    ]
    amd = {"ROCR_VISIBLE_DEVICES": "0"}
    assert ts_ray.environment_of(attempt(), amd)["ROCR_VISIBLE_DEVICES"] == "0"
