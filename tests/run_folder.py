"""Run folders by the contract of docs/runs.md, made of a compiled bundle and values that a test chooses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from pprint import pformat
from typing import Any

from toolspec.backends.verl.asked import AtRunTime, asked_config
from toolspec.backends.verl.compile import compile_spec, write
from toolspec.backends.verl.constraints import pins
from toolspec.backends.verl.releases import release

ROOT = Path(__file__).parents[1]
BEGAN = 1_800_000_000.0


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leaf keys as the tree that they are of."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *above, name = key.split(".")
        at = tree
        for part in above:
            at = at.setdefault(part, {})
        at[name] = value.raw if isinstance(value, AtRunTime) else value
    return tree


def rayed(text: str, pid: int = 2243, actor: str = "TaskRunnerV1") -> str:
    """A text as Ray's driver prints it of an actor."""
    return "".join(f"\x1b[36m({actor} pid={pid})\x1b[0m {line}\n" for line in text.splitlines())


def console(step: int, metrics: Mapping[str, float]) -> str:
    return f"step:{step} - " + " - ".join(f"{key}:{value!r}" for key, value in metrics.items())


def record(
    step: int | None,
    *,
    score: float = 1.2,
    split: str | None = "train",
    calls: float = 1.0,
    malformed: int = 0,
) -> dict[str, Any]:
    """One record in the order of its keys, as ts_reward.py writes it."""
    right = float(score > 0.5)
    metrics = {
        "score": score,
        "correct": right,
        "tool_calls": calls,
        "tool_parse_success": 1.0,
        "ts_fault": 0.0,
    }
    metrics |= {"acc": right, "task_success": right}
    which = {"version": 1, "time": BEGAN + 10 + (step or 0), "uid": f"u{step}", "session": 0, "step": step}
    which |= {"weights": 3, "split": split, "index": 3, "data_source": split}
    facts = {"turns": 2, "calls": [], "malformed": malformed, "forged": 0, "answer": 'it is "59"'}
    return {**which, **facts, "score": score, "paid": {"correct": score}, "metrics": metrics, "fault": None}


class RunMaker:
    """Writes one run folder. number: of events so far, which keeps their names in order."""

    def __init__(self, path: Path, version: str = "0.9.1", **settings: Any) -> None:
        self.path = path
        self.version = version
        spec = ROOT / "examples" / "calculator" / "exp.yaml"
        sets = [f"{key}={value}" for key, value in settings.items()]
        compiled = compile_spec(spec, sets, version, path / "bundle")
        write(compiled)
        manifest = json.loads((path / "bundle" / "manifest.json").read_bytes())
        self.run = {
            **{
                "version": 1,
                "id": path.name,
                "key": "0" * 32,
                "name": "calculator",
                "created": BEGAN,
                "spec": str(spec),
            },
            **{
                "set": sets,
                "verl": version,
                "trainer": "v1",
                "bundle": manifest["bundle"],
                "nodes": 1,
                "gpus": 1,
            },
            **{"gpu_hours": None, "steps": 4, "forced": [], "sweep": None, "toolspec": manifest["toolspec"]},
        }
        self.number = 0
        self.write("run.json", self.run)
        self.submit(1)

    def write(self, name: str, value: Any) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")

    def submit(self, number: int, **more: Any) -> None:
        self.write(
            f"submissions/{number:04d}.json",
            {"version": 1, "number": number, "nonce": "aa", "overrides": [], **more},
        )

    def event(
        self, kind: str, *, submission: int = 1, restart: int = 0, at: float = 0.0, **more: Any
    ) -> None:
        self.number += 1
        common = {"version": 1, "kind": kind, "time": BEGAN + at, "host": "n1", "submission": submission, "nonce": "aa",
                  "job": "7", "restart": restart}  # fmt: skip
        self.write(f"events/{self.number:019d}-{kind}-n1-7.json", {**common, **more})

    def config(self, overrides: Iterable[str] = (), **changed: Any) -> str:
        """The configuration as verl prints it, with `changed` keys (`__` for a dot)."""
        body = (self.path / "bundle" / "config.yaml").read_bytes()
        asked = asked_config(body, "config.yaml", release(self.version), [(text, "") for text in overrides])
        return pformat(nested({**asked.values, **{key.replace("__", "."): v for key, v in changed.items()}}))

    def log(self, name: str, *texts: str, pid: int = 2243) -> None:
        actor = "TaskRunnerV1" if self.version == "0.9.1" else "TaskRunner"
        noise = rayed("[36mloading\nstep:9 - critic/score/mean:77.0", 9, "AgentLoopWorker")
        self.write(f"logs/{name}", noise + "".join(rayed(text, pid, actor) for text in texts))

    def records(self, name: str, records: Iterable[Mapping[str, Any]]) -> None:
        self.write(
            f"trajectories/{name}", "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records)
        )


BATCH = 512
H100 = {"name": "NVIDIA H100 80GB HBM3", "memory_mib": 81559, "driver": "570.1"}


def packages() -> dict[str, str]:
    return {
        **pins("0.9.1"),
        "verl": "0.9.1",
        "flash-attn": "2.8.3",
        "dill": "0.4",
        "pybind11": "3",
        "pylatexenc": "2.10",
    }


def steps(*numbers: int, score: float = 1.2) -> list[str]:
    return [console(n, {"training/global_step": n, "critic/score/mean": score}) for n in numbers]


def sound(path: Path) -> RunMaker:
    """A run of four steps that did what was asked."""
    path.mkdir(parents=True)
    made = RunMaker(path)
    made.event("began", nodes=["n1"], gpus=1, resumed_from=None)
    made.event("environment", at=1, python="3.12.3", packages=packages(), gpus=[H100])
    made.log("0001.0.log", made.config(), *steps(1, 2, 3, 4))
    made.event("ended", at=90, code=0, cause={"kind": "done"}, next="done", why="")
    made.records("n1-5-1800000010000-0000.jsonl", [record(x) for x in (1, 2, 3, 4) for _ in range(BATCH)])
    made.write("faults/n1-5-1.json", {"scored": 2048, "faults": 0, "first": ""})
    return made


def copied(template: Path, path: Path) -> RunMaker:
    """A run elsewhere, to be changed."""
    copy = RunMaker.__new__(RunMaker)
    copy.path, copy.version, copy.number = path, "0.9.1", 10
    shutil.copytree(template, path)
    copy.run = json.loads((path / "run.json").read_text())
    return copy
