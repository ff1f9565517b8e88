"""Commands that are asked within a limit, and what they leave."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from toolspec.backends.launch.bounded import bounded
from toolspec.backends.launch.environment import interpreter_after
from toolspec.backends.verl.doctor.snapshot import Interpreter


def gone(file: Path) -> bool:
    """Whether the process whose number stands in the file has ended, or does so in a moment."""
    for _ in range(200):
        try:
            status = Path(f"/proc/{int(file.read_text())}/status").read_text()
        except OSError:
            return True
        if "\nState:\tZ" in status:
            return True
        time.sleep(0.05)
    return False


def test_a_wrapper_that_hangs_ends_with_what_it_started(tmp_path: Path) -> None:
    """Slurm's commands are scripts on some clusters: the end of the shell alone leaves its child."""
    with pytest.raises(subprocess.TimeoutExpired):
        bounded(["bash", "-c", f"sleep 600 & echo $! >{tmp_path}/pid; wait; true"], 0.5)
    assert gone(tmp_path / "pid")


def test_a_server_that_setup_starts_neither_stays_nor_is_waited_for(tmp_path: Path) -> None:
    found = interpreter_after([f"sleep 600 & echo $! >{tmp_path}/pid"])
    assert isinstance(found, Interpreter), found
    assert gone(tmp_path / "pid")


@pytest.mark.parametrize(
    "lines", [["echo 'a"], ["if true; then"], ["cat <<E"], ["x=${y"], ["true &&"], ["a \\"]]
)
def test_setup_that_would_swallow_the_job(lines: list[str]) -> None:
    """After a here-document without its end bash ends with 0, and the run would be done without verl."""
    assert "no whole shell commands" in str(interpreter_after(lines))


def test_setup_over_several_lines() -> None:
    lines = ["if true; then", "export A=1", "fi", "cat <<E >/dev/null", "a 'quote", "E"]
    assert isinstance(interpreter_after(lines), Interpreter)


def test_output_is_bounded() -> None:
    done = bounded(["bash", "-c", "echo 12345; echo 67890 >&2"], 10, dict(os.environ), most=3)
    assert (done.stdout, done.stderr) == (b"123", b"90\n")
