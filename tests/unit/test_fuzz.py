"""A short run of scripts/fuzz_lint.py: whatever stands in a file, lint answers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("seed", "number"), [(1, 80), (2, 80)])
def test_mutated_inputs_are_answered(seed: int, number: int, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts/fuzz_lint.py"), "--keep", str(tmp_path)]
    # Not a measure of speed: an input that takes this long never ends.
    command += ["--inputs", str(number), "--seed", str(seed), "--longest", "30"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    answer = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.startswith(f"{number} inputs, 0 failed")
