"""How the stand-in is to behave: $STAND_IN, JSON or `@` and the file with it.

{"steps": 6, "step_seconds": 0.5, "fault": {"at": 3, "kind": "exit", "code": 7, "times": 1}}
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """What goes wrong at a step, and how often over all restarts of the run. `kind`: see faults.py."""

    kind: str
    at: int = 1  # step
    times: int = 10**6
    code: int = 1  # exit code
    node: int = 0  # which of the job's nodes, for faults of one node
    bytes: int = 8 << 30  # most that an out-of-memory takes
    run: str = ""  # only in runs whose folder's name has this in it
    number: int = 0  # its place in the list; where its uses are counted


class Plan(NamedTuple):
    """All of it. `release` is (0, 9, 1); `v1` is verl's newer trainer; `restart` counts from 0."""

    release: tuple[int, ...]
    v1: bool
    steps: int = 6  # unless the config has total_training_steps
    step_seconds: float = 0.2
    save_seconds: float = 0.0
    start_seconds: float = 0.0  # from Ray to the first step: the model is loaded
    trajectories: int = 2  # records a step
    shard_bytes: int = 4096  # of one model file
    ray: bool = True  # without: all in one process, for tests in which Ray has no part
    pretend_gpus: bool = False  # a Ray of its own says it has the config's GPUs
    faults: tuple[Fault, ...] = ()
    run: str = ""  # $TOOLSPEC_RUN_DIR of the driver
    restart: int = 0

    @property
    def runner(self) -> str:
        """Name of the actor, which is in front of each line in the log."""
        return "TaskRunnerV1" if self.v1 else "TaskRunner"


def read_plan(version: str, use_v1: bool) -> Plan:
    """The plan of this process. Raises ValueError for what it does not know."""
    written = os.environ.get("STAND_IN", "{}")
    text = Path(written[1:]).read_text() if written.startswith("@") else written
    given: dict[str, Any] = json.loads(text)
    faults = given.pop("faults", []) + ([given.pop("fault")] if "fault" in given else [])
    unknown = set(given) - set(Plan._fields)
    if unknown:
        raise ValueError(f"STAND_IN: unknown {', '.join(sorted(unknown))}")
    run = os.environ.get("TOOLSPEC_RUN_DIR", "")
    return Plan(
        **given,
        release=tuple(int(part) for part in version.split(".")[:3]),
        v1=use_v1,
        faults=tuple(Fault(**each, number=number) for number, each in enumerate(faults)),
        run=run,
        restart=_restarts(run),
    )


def _restarts(run: str) -> int:
    """Which start of this run this is, counted in its folder."""
    if not run:
        return 0
    with (Path(run) / "stand_in.starts").open("a") as file:
        file.write(".")
        file.flush()
        return file.tell() - 1
