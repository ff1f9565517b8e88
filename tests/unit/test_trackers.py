"""What trackers write stays with the run, and a restart takes nothing of the attempt before."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from toolspec.backends.verl.compile import bundle_of, compile_spec
from toolspec.backends.verl.emit.write import write_bundle

ROOT = Path(__file__).resolve().parents[2]
ALL = "tracking.to=[console, file, tensorboard, wandb, mlflow]"


class Launcher:
    """launch.sh of the calculator; its environment is that of `bash launch.sh ray …`."""

    def __init__(self, folder: Path, tracking: str) -> None:
        self.folder, self.run = folder, folder / "my run"
        spec = ROOT / "examples" / "calculator" / "exp.yaml"
        compiled = compile_spec(spec, [tracking], out=folder / "bundle")
        self.bundle = write_bundle(bundle_of(compiled), folder / "bundle").folder
        ray = folder / "bin" / "ray"
        ray.parent.mkdir()
        ray.write_text("#!/bin/sh\nenv -0\n")
        ray.chmod(0o755)

    def environment(self, **given: str) -> dict[str, str]:
        plain = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "TOOLSPEC_RUN_DIR": str(self.run)}
        command = ["bash", str(self.bundle / "launch.sh"), "ray"]
        done = subprocess.run(command, env={**plain, **given}, capture_output=True, text=True, check=True)
        return dict(line.split("=", 1) for line in done.stdout.split("\0") if "=" in line)


@pytest.fixture
def launcher(tmp_path: Path) -> Launcher:
    return Launcher(tmp_path, ALL)


def test_each_tracker_writes_to_the_run(launcher: Launcher) -> None:
    seen, run = launcher.environment(), launcher.run
    assert seen["TENSORBOARD_DIR"] == f"{run}/tensorboard"
    assert seen["WANDB_DIR"] == str(run)
    assert seen["MLFLOW_TRACKING_URI"] == f"sqlite:///{run}/mlruns.db"
    assert Path(seen["VERL_FILE_LOGGER_PATH"]).parent == run / "metrics"
    assert (run / "metrics").is_dir(), "verl's logger makes no folder for VERL_FILE_LOGGER_PATH"


def test_each_attempt_has_a_file_of_its_own(launcher: Launcher) -> None:
    """verl opens it anew: the attempt before would lose its steps."""
    for name in ("0001.0", "0001.1", "0002.0"):
        seen = launcher.environment(TOOLSPEC_LOG=f"{launcher.run}/logs/{name}.log")
        assert seen["VERL_FILE_LOGGER_PATH"] == f"{launcher.run}/metrics/{name}.jsonl"


def test_what_the_environment_says_stays(launcher: Launcher) -> None:
    said = {
        "TENSORBOARD_DIR": "/t",
        "WANDB_DIR": "/w",
        "MLFLOW_TRACKING_URI": "http://m",
        "VERL_FILE_LOGGER_ROOT": "/f",
    }
    seen = launcher.environment(**said)
    assert {name: seen.get(name) for name in (*said, "VERL_FILE_LOGGER_PATH")} == {
        **said,
        "VERL_FILE_LOGGER_PATH": None,
    }


def test_the_console_alone_sets_nothing(tmp_path: Path) -> None:
    seen = Launcher(tmp_path, "tracking.to=console").environment()
    assert not [name for name in seen if name.startswith(("TENSORBOARD", "WANDB", "MLFLOW", "VERL_FILE"))]
