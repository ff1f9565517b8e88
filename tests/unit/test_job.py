"""ts_job.py: the command's exit code, its signals, and the end of a run whose reward fails too often."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
MODULES = ("ts_job.py", "ts_faults.py", "ts_load.py", "ts_start.py", "ts_attempt.py", "ts_process.py")
# Scores `sys.argv[2]` trajectories, of which `sys.argv[3]` fail, and then waits for its end.
SCORING = """
import sys, time
sys.path.insert(0, sys.argv[1])
import ts_faults
count = ts_faults.Faults()
scores = int(sys.argv[2])
for number in range(scores):
    ts_faults.EVERY_SECONDS = 0 if number == scores - 1 else 1e9
    count.add("KeyError: 'x'" if number < int(sys.argv[3]) else None)
print("scored", flush=True)
time.sleep(float(sys.argv[4]))
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """ts_job.py and what it reads, looking every 0.1 s."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name in MODULES:
        text = (RUNTIME / name).read_text()
        (folder / name).write_text(text.replace("EVERY_SECONDS = 5.0", "EVERY_SECONDS = 0.1"))
    (folder / "ts_reward.json").write_text('{"fault_limit": 0.1}')
    return folder


def start(
    bundle: Path, *command: str, before: tuple[str, ...] = (), **variables: str
) -> subprocess.Popen[str]:
    run = bundle.parent / "run"
    return subprocess.Popen(
        [*before, sys.executable, str(bundle / "ts_job.py"), *command],
        env={**os.environ, "TOOLSPEC_RUN_DIR": str(run), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def scoring(scores: int, faults: int, seconds: float) -> list[str]:
    return [sys.executable, "-c", SCORING, str(RUNTIME), str(scores), str(faults), str(seconds)]


def test_a_run_of_too_many_faults_is_ended(bundle: Path) -> None:
    job = start(bundle, *scoring(200, 30, 600))
    _, told = job.communicate(timeout=60)
    assert job.returncode == 70
    assert "toolspec: 30 of 200 scores were faults, more than 10%; the first: KeyError: 'x'" in told
    assert "KeyboardInterrupt" in told  # it was asked first


def test_faults_of_an_earlier_run_are_not_counted(bundle: Path) -> None:
    faults = bundle.parent / "run" / "faults"
    faults.mkdir(parents=True)
    (faults / "a-1-1.json").write_text(json.dumps({"scored": 1000, "faults": 1000, "first": "old"}))
    job = start(bundle, *scoring(200, 10, 0.5))
    out, told = job.communicate(timeout=60)
    assert (job.returncode, out, told) == (0, "scored\n", "")


def test_a_run_that_ends_by_itself_keeps_its_exit_code(bundle: Path) -> None:
    (bundle / "ts_faults.py").write_text((RUNTIME / "ts_faults.py").read_text())  # it looks every 5 s
    job = start(bundle, *scoring(200, 30, 0))
    _, told = job.communicate(timeout=60)
    assert (job.returncode, "30 of 200" in told) == (0, True)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["-c", "import sys; sys.exit(3)"], 3),
        (["-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"], 137),
    ],
)
def test_the_exit_code_is_the_commands(bundle: Path, command: list[str], code: int) -> None:
    job = start(bundle, sys.executable, *command)
    assert (job.communicate(timeout=60)[1], job.returncode) == ("", code)


def test_a_command_that_is_not_there(bundle: Path) -> None:
    job = start(bundle, "nosuch-command")
    assert "nosuch-command could not be started: No such file" in job.communicate(timeout=60)[1]
    assert job.returncode == 127


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_reach_the_command_and_what_it_started(bundle: Path, number: signal.Signals) -> None:
    """A grandchild is in the session too, so no orphan holds a GPU."""
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    job = start(bundle, sys.executable, "-c", code)
    assert job.stdout is not None
    grandchild = int(job.stdout.readline())
    job.send_signal(number)
    job.communicate(timeout=60)
    assert job.returncode == 128 + number
    for _ in range(100):
        if not alive(grandchild):
            break
        time.sleep(0.05)
    assert not alive(grandchild)


@pytest.mark.parametrize("name", ["HUP", "INT"])
def test_a_signal_that_was_ignored_from_the_start_is_not_sent_on(bundle: Path, name: str) -> None:
    """`nohup bash launch.sh &`: closing the terminal ends no run."""
    code = "import time; print('up', flush=True); time.sleep(1.5)"
    ignoring = ("bash", "-c", f"trap '' {name}; exec \"$@\"", "-")
    job = start(bundle, sys.executable, "-c", code, before=ignoring)
    assert job.stdout is not None
    assert job.stdout.readline() == "up\n"
    job.send_signal(getattr(signal, f"SIG{name}"))
    assert (job.communicate(timeout=60)[1], job.returncode) == ("", 0)


@pytest.mark.parametrize("text", ["{", "[]", '{"fault_limit": [1]}'])
def test_a_reward_file_that_cannot_be_read_starts_nothing(bundle: Path, text: str) -> None:
    (bundle / "ts_reward.json").write_text(text)
    job = start(bundle, sys.executable, "-c", "print('started')")
    out, told = job.communicate(timeout=60)
    assert (job.returncode, out) == (127, "")
    assert told.startswith("toolspec: ts_reward.json cannot be read") and told.count("\n") == 1


def test_without_a_run_folder_nobodys_faults_are_counted(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that the job stands in is not taken for it."""
    monkeypatch.chdir(bundle)
    code = (
        "import json, pathlib, time\n"
        "pathlib.Path('faults').mkdir()\n"
        "told = {'scored': 1000, 'faults': 1000, 'first': 'x'}\n"
        "pathlib.Path('faults/a.json').write_text(json.dumps(told))\n"
        "time.sleep(0.5)\n"
    )
    job = start(bundle, sys.executable, "-c", code, TOOLSPEC_RUN_DIR="")
    assert (job.communicate(timeout=60)[1], job.returncode) == ("", 0)


def alive(pid: int) -> bool:
    """Whether it runs; a zombie that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
