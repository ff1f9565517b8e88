"""`toolspec doctor`: each check on a snapshot that has its fault, and the whole on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from toolspec.backends.verl.compile import compile_spec
from toolspec.backends.verl.constraints import pins, text
from toolspec.backends.verl.doctor import gather as probes
from toolspec.backends.verl.doctor.checks import diagnose
from toolspec.backends.verl.doctor.needs import Needs, needs_of
from toolspec.backends.verl.doctor.snapshot import (
    Absent,
    Disk,
    Gpu,
    Gpus,
    Interpreter,
    Limit,
    Line,
    ModelFiles,
    Session,
    Snapshot,
)
from toolspec.backends.verl.doctor.storage import estimate
from toolspec.backends.verl.environment import Uses
from toolspec.backends.verl.releases import RELEASES

ROOT = Path(__file__).parents[2]
GIB = 1 << 30
H100 = Gpu("NVIDIA H100 80GB HBM3", 81559, 4)
ROOM = Disk("/data", 900 * GIB, 1000 * GIB, "nfs4", True)
PYTHON = Interpreter("/venv/bin/python", "3.12.3", pins("0.9.1"), "utf-8")
SOUND = Snapshot(
    interpreter=PYTHON,
    gpus=Gpus("580.65.06", "13.0", (H100,) * 8),
    disks=dict.fromkeys(("checkpoints", "run folder", "bundle", "/dev/shm", "/tmp"), ROOM),
    limits={"nofile": Limit(1024, 1 << 20), "nproc": Limit(-1, -1), "memlock": Limit(-1, -1)},
    ports={6379: False, 8265: False},
    sessions=(),
    address="192.0.2.7",
    hostname="node7",
    memory=2000 * GIB,
    now=1_000_000.0,
    newest_file=999_000.0,
    model=ModelFiles("/models/m", True),
    variables={"WANDB_API_KEY": "set", "HF_TOKEN": "set"},
)
NEEDS = Needs(
    release="0.9.1",
    spec=Path("exp.yaml"),
    uses=Uses("sglang", "v1", "sdpa", False, False, frozenset({"console", "wandb"})),
    nodes=1,
    gpus=8,
    gpu="h100-80gb",
    gpu_title="H100 SXM5 80GB",
    gpu_mib=81559,
    model="Qwen/Qwen3-4B",
    parameters=4_000_000_000,
    saves=True,
    contents=("model", "optimizer", "extra"),
    keep=2,
    secrets=("HF_TOKEN",),
    tracked=("console", "wandb"),
)


def lines(needs: Needs, seen: Snapshot) -> list[Line]:
    return [line for _, group in diagnose(needs, seen) for line in group]


def disks(**changed: Any) -> dict[str, Any]:
    names = {"shm": "/dev/shm", "tmp": "/tmp", "run": "run folder"}
    return {"disks": {**SOUND.disks, **{names.get(name, name): disk for name, disk in changed.items()}}}


def python(version: str = "3.12.3", encoding: str = "utf-8", **packages: str) -> dict[str, Any]:
    return {"interpreter": Interpreter("/p", version, {**PYTHON.packages, **packages}, encoding)}


def test_a_sound_machine_is_fine() -> None:
    assert {line.state for line in lines(NEEDS, SOUND)} == {"ok"}
    assert {line.state for line in lines(Needs("0.9.1"), SOUND)} <= {"ok", "warning"}


SMALL = replace(ROOM, free=50 << 20)
CLOSED = replace(ROOM, writable=False)
OTHER = Gpu("NVIDIA A100-SXM4-40GB", 40960, 0)
# changed of the needs, changed of the snapshot → the line that tells, and its state
FAULTS: tuple[tuple[dict[str, Any], dict[str, Any], str, str], ...] = (
    ({}, python("3.9.18"), "python", "error"),
    ({"release": "0.8.0"}, python("3.13.1"), "python", "warning"),
    ({}, python("3.13.1"), "python", "error"),
    ({}, {"interpreter": Absent("no python3")}, "python", "unknown"),
    ({}, python(kernels="0.17.0"), "kernels", "error"),
    ({}, python(torch="2.13.0"), "constraints", "warning"),
    ({}, python(torch="2.11.0+cpu"), "torch build", "error"),
    ({}, python(encoding="ascii"), "encoding", "warning"),
    ({}, {"gpus": Absent("none")}, "gpus", "unknown"),
    ({}, {"gpus": Gpus("580", "13.0", (H100,) * 4)}, "gpus", "error"),
    ({}, {"gpus": Gpus("580", "13.0", (OTHER,) * 8)}, "gpus", "warning"),
    ({"gpu": None}, {"gpus": Gpus("580", "13.0", (H100,) * 7 + (OTHER,))}, "gpus", "warning"),
    ({}, {"gpus": Gpus("580", "13.0", (replace(H100, used_mib=30000),) * 8)}, "gpu memory", "warning"),
    ({}, {"gpus": Gpus("550", "12.4", (H100,) * 8)}, "driver", "error"),
    ({}, {"gpus": Gpus("580", "", (H100,) * 8)}, "driver", "unknown"),
    ({}, {"variables": {**SOUND.variables, "CUDA_VISIBLE_DEVICES": "0,1"}}, "CUDA_VISIBLE_DEVICES", "error"),
    ({}, {"limits": {"nofile": Limit(1024, 1024)}}, "ulimit nofile", "warning"),
    ({}, {"limits": {"nproc": Limit(1024, -1)}}, "ulimit nproc", "warning"),
    ({"nodes": 2}, {"limits": {"memlock": Limit(65536, 65536)}}, "ulimit memlock", "warning"),
    ({}, {"ports": {6379: True, 8265: False}}, "port 6379", "warning"),
    ({}, {"ports": {6379: False, 8265: Absent("no answer")}}, "port 8265", "unknown"),
    ({}, {"sessions": (Session("session_2026", True, True),)}, "ray sessions", "warning"),
    ({}, {"sessions": (Session("session_2026", False, False),)}, "ray sessions", "warning"),
    ({}, {"sessions": (Session("session_2026", True, False),) * 30}, "ray sessions", "warning"),
    ({}, {"variables": {**SOUND.variables, "RAY_ADDRESS": "h:6379"}}, "RAY_ADDRESS", "warning"),
    ({}, {"address": Absent("Name or service not known")}, "hostname", "warning"),
    ({"nodes": 2}, {"address": "127.0.1.1"}, "hostname", "warning"),
    ({}, {"newest_file": 1_003_600.0}, "clock", "warning"),
    ({}, {"variables": {"HF_TOKEN": "set"}}, "WANDB_API_KEY", "error"),
    ({}, {"variables": {"WANDB_API_KEY": "set"}}, "HF_TOKEN", "error"),
    ({}, disks(checkpoints=SMALL), "checkpoints", "error"),
    ({}, disks(checkpoints=CLOSED), "checkpoints", "error"),
    ({}, disks(checkpoints=Absent("no answer in 15 s")), "checkpoints", "unknown"),
    ({"parameters": None}, {}, "checkpoints", "unknown"),
    ({"keep": None}, disks(checkpoints=replace(ROOM, free=100 * GIB)), "checkpoints", "warning"),
    ({}, disks(run=SMALL), "run folder", "warning"),
    ({}, disks(run=CLOSED), "run folder", "error"),
    ({}, disks(tmp=SMALL), "/tmp", "warning"),
    ({}, disks(shm=SMALL), "/dev/shm", "error"),
    ({"gpus": 1}, disks(shm=SMALL), "/dev/shm", "warning"),
    ({"nodes": 2}, disks(bundle=replace(ROOM, kind="ext4")), "bundle", "warning"),
    ({}, {"model": Absent("not in the cache")}, "model", "warning"),
    (
        {},
        {"model": Absent("not there"), "variables": {**SOUND.variables, "HF_HUB_OFFLINE": "1"}},
        "model",
        "error",
    ),
    ({"model": "/models/m"}, {"model": ModelFiles("/models/m", False)}, "model", "error"),
)


@pytest.mark.parametrize(("asked", "there", "name", "state"), FAULTS)
def test_each_fault_is_told_once_with_what_to_do(
    asked: Mapping[str, Any], there: Mapping[str, Any], name: str, state: str
) -> None:
    found = [line for line in lines(replace(NEEDS, **asked), replace(SOUND, **there)) if line.name == name]
    assert [line.state for line in found] == [state]
    assert found[0].fix or found[0].why or state == "unknown"


def test_missing_packages_stand_on_one_line() -> None:
    empty = replace(SOUND, interpreter=replace(PYTHON, packages={}))
    found = [line for line in lines(NEEDS, empty) if line.name == "missing" and line.state == "error"]
    assert len(found) < 5
    assert "transformers" in found[0].found
    assert "'ray>=2.41.0'" in found[0].fix


@pytest.mark.parametrize(
    ("changed", "size", "sum_"),
    [
        ({}, 96, "4.00 G parameters × 12 bytes × 2 at once = 89.4 GiB"),
        ({"keep": 1}, 96, "× 2 at once"),
        ({"keep": 5}, 240, "× 5 at once"),
        ({"keep": None}, 48, "× 12 bytes = 44.7 GiB"),
        ({"critic": True}, 192, "× 2 (policy and critic) × 2 at once"),
        ({"contents": ("model",)}, 32, "× 4 bytes"),
        ({"lora": True}, 32, "× 4 bytes"),
    ],
)
def test_the_estimate_of_checkpoints(changed: dict[str, Any], size: int, sum_: str) -> None:
    found, shown = estimate(replace(NEEDS, **changed))
    assert found == size * 10**9
    assert sum_ in shown


def test_nvidia_smi_is_read() -> None:
    query = "NVIDIA H200, 143771, 12, 580.65.06\nNVIDIA H200, 143771, [N/A], 580.65.06\n"
    page = "| NVIDIA-SMI 580.65.06   Driver Version: 580.65.06   CUDA Version: 13.0     |\n"
    h200 = Gpu("NVIDIA H200", 143771, 12)
    assert probes.parse_gpus(query, page) == Gpus("580.65.06", "13.0", (h200, replace(h200, used_mib=0)))
    for nothing in ("", "No devices were found\n", "a,b,c,d\n"):
        assert isinstance(probes.parse_gpus(nothing, ""), Absent)


def test_a_probe_that_hangs_or_fails_holds_nothing_up() -> None:
    end = threading.Event()

    def broken() -> None:
        raise OSError("Stale file handle")

    found = probes.together({"slow": lambda: end.wait(60), "broken": broken, "fine": lambda: 1}, 0.2)
    end.set()
    assert found == {"slow": Absent("no answer in 0 s"), "broken": Absent("Stale file handle"), "fine": 1}


def test_the_packages_of_a_python_are_listed_without_importing_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "torch", "verl", "importlib"):
        (tmp_path / f"{name}.py").write_text("open('canary', 'w')\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    found = probes.interpreter(sys.executable)
    assert found.version == ".".join(map(str, sys.version_info[:3]))
    assert "pytest" in found.packages
    assert not (tmp_path / "canary").exists()


def test_a_secret_never_enters_the_snapshot() -> None:
    found = probes.variables(NEEDS, {"WANDB_API_KEY": "k1", "HF_TOKEN": "k2", "HF_HOME": "/h", "OTHER": "k3"})
    assert found == {"WANDB_API_KEY": "set", "HF_TOKEN": "set", "HF_HOME": "/h"}


def test_the_needs_of_a_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOOLSPEC_RUN_DIR", raising=False)
    monkeypatch.setenv("TOOLSPEC_RUNS", "/scratch/runs")
    found = needs_of(compile_spec(ROOT / "examples/seed-ppo/exp.yaml"))
    assert found.critic
    assert found.saves
    assert found.parameters is not None
    assert dict(found.folders)["checkpoints"].parts[:3] == ("/", "scratch", "runs")


@pytest.mark.parametrize("target", [*RELEASES, None])
@pytest.mark.slow
def test_on_this_machine(target: str | None, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "toolspec", "doctor", "--format", "json", "--python", sys.executable]
    command += ["--target", target] if target else ["--spec", str(ROOT / "examples/calculator/exp.yaml")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    answer = subprocess.run(
        command, capture_output=True, timeout=60, check=False, cwd=tmp_path, env=environment
    )
    assert (answer.returncode in (0, 1), answer.stderr) == (True, b"")
    document = json.loads(answer.stdout)
    states = {check["name"]: check["state"] for check in document["checks"]}
    assert states.keys() >= {"python", "gpus", "ulimit nofile", "ray sessions", "/dev/shm", "/tmp"}
    assert answer.returncode == int("error" in states.values())
    assert not any(tmp_path.iterdir())


def test_constraints_are_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from toolspec.cli.app import run

    monkeypatch.setattr(sys, "argv", ["toolspec", "doctor", "--target", "verl==0.8.0", "--constraints"])
    assert run() == 0
    assert capsys.readouterr().out == text("0.8.0")


def test_words(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from toolspec.cli.app import run

    monkeypatch.setattr(probes, "gather", lambda needs, python: SOUND)
    monkeypatch.setattr(sys, "argv", ["toolspec", "doctor", "--target", "0.9.1"])
    assert run() == 0
    out = capsys.readouterr().out
    assert "8 × NVIDIA H100 80GB HBM3, 80 GiB" in out
    assert "no spec" in out
    monkeypatch.setattr(sys, "argv", ["toolspec", "doctor", "--spec", "nowhere.yaml"])
    assert run() == 1
