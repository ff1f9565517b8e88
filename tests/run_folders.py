"""Run folders as toolspec and ts_job.py write them, for tests and benchmarks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NONCE = "0badcafe"
BORN = 1795600000.0
"""When the runs here were made, epoch seconds: longer ago than a run may be asked for that wrote its end."""


class Folder:
    """One run's folder, filled step by step. Events are one second apart unless `at` says when."""

    def __init__(self, place: Path, id_: str, **fields: Any) -> None:
        self.path = place / id_
        self.path.mkdir(parents=True)
        self.now, self.nonce = BORN, NONCE
        said = {
            "version": 1,
            "id": id_,
            "key": "0" * 32,
            "name": id_.rpartition("-")[0],
            "created": BORN,
            "spec": None,
            "set": [],
            "verl": "0.9.1",
            "trainer": "v1",
            "nodes": 2,
            "gpus": 8,
            "gpu_hours": 400.0,
            "steps": 290,
            "forced": [],
            "sweep": None,
        }
        self.write("run.json", {**said, **fields})

    def write(self, name: str, value: Any) -> Path:
        """A JSON file below the folder, or a text."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
        return file

    def submit(self, job: str | None, number: int = 1, at: float = BORN, **fields: Any) -> Folder:
        """A submission to Slurm, or with `kind="local"` a process."""
        said: Mapping[str, Any] = {
            "version": 1,
            "number": number,
            "nonce": f"{int(self.nonce, 16) + number - 1:08x}",
            "kind": "slurm",
            "submitted": at,
            "host": "login",
            "user": "u",
            "job": job,
            "pid": None,
            "pid_started": None,
            "boot": None,
            "overrides": [],
            "resume": "auto",
            "smoke": False,
            "validate_only": False,
            "parameters": {"partition": "gpu"},
            "array": None,
        }
        self.write(f"submissions/{number:04d}.json", {**said, **fields})
        self.now = at
        return self

    def event(
        self,
        kind: str,
        number: int = 1,
        restart: int = 0,
        at: float | None = None,
        host: str = "n1",
        **fields: Any,
    ) -> Folder:
        self.now = self.now + 1 if at is None else at
        said = {
            "version": 1,
            "kind": kind,
            "time": self.now,
            "host": host,
            "submission": number,
            "nonce": f"{int(self.nonce, 16) + number - 1:08x}",
            "job": None,
            "restart": restart,
        }
        name = f"{int(self.now * 1e9):019d}-{kind}-{host}-7.json"
        self.write(f"events/{name}", {**said, **fields})
        return self

    def began(self, number: int = 1, restart: int = 0, at: float | None = None, **fields: Any) -> Folder:
        """Begun, with Ray up and verl started."""
        said = {"nodes": ["n1", "n2"], "gpus": 8, "resumed_from": None, **fields}
        self.event("began", number, restart, at, **said)
        self.event("cluster", number, restart, seconds=11.4, nodes=2, gpus=16)
        return self.event(
            "started", number, restart, pid=11, command=["python3"], resume_from=said["resumed_from"]
        )

    def ended(
        self,
        code: int,
        kind: str,
        number: int = 1,
        restart: int = 0,
        at: float | None = None,
        message: str = "",
        fix: str = "",
        next_: str | None = None,
        why: str = "",
        step: int | None = None,
    ) -> Folder:
        cause = {"kind": kind, "message": message, "fix": fix, "signature": kind, "step": step}
        then = next_ or ("done" if kind == "done" else "stop")
        return self.event("ended", number, restart, at, code=code, cause=cause, next=then, why=why)

    def log(self, text: str, number: int = 1, restart: int = 0) -> Folder:
        self.write(f"logs/{number:04d}.{restart}.log", text)
        return self


def step_line(step: int, score: float) -> str:
    """As verl's console logger prints it through Ray."""
    metrics = f"actor/pg_clipfrac:0.01 - critic/score/mean:{score} - timing_s/gen:1.5 - timing_s/step:2.5"
    return f"\x1b[36m(TaskRunner pid=77)\x1b[0m step:{step} - {metrics}\n"
