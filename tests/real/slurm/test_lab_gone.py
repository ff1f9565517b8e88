"""Nothing of a lab stays, seen from outside, however its users went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from real.slurm.lab import Kind, folder_of, start
from real.slurm.lab import lab as lab_of
from real.slurm.traces import traces

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("daemons_here")]
SMALL = Kind(nodes=2, accounting=False)
TESTS = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from real.slurm.lab import Kind, start
lab = start(sys.argv[1], SMALL)
print("up", flush=True)
sys.stdin.read()
"""


def hold(key: str) -> subprocess.Popen[str]:
    """A process that uses a lab until its input ends."""
    code = HOLD.replace("SMALL", repr(SMALL))
    process = subprocess.Popen(
        [sys.executable, "-c", code, key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
    )
    assert process.stdout and process.stdout.readline() == "up\n"
    return process


def gone(folder: Path, network: str, seconds: float = 15) -> list[str]:
    """What is left after some seconds."""
    limit = time.monotonic() + seconds
    while (left := traces(folder, network)) and time.monotonic() < limit:
        time.sleep(0.1)
    return left


def test_when_its_users_leave_one_by_one(run_key: str) -> None:
    key = f"{run_key} leave"
    first, second = hold(key), hold(key)
    lab = start(key, SMALL)
    folder, network = lab.folder, lab.layout.network
    job = lab.sbatch("setsid sleep 1234 & sleep 1234", "--nodes=2")
    lab.wait(job, "RUNNING")
    assert traces(folder, network)
    lab.close()
    first.communicate("")
    time.sleep(3)
    with lab_of(key, SMALL) as again:
        assert again.squeue(job) == "RUNNING", "the lab went down under its second user"
    second.communicate("")
    assert gone(folder, network) == []


def test_when_its_user_is_killed(run_key: str) -> None:
    key = f"{run_key} killed"
    user = hold(key)
    with lab_of(key, SMALL) as lab:
        folder, network = lab.folder, lab.layout.network
        lab.wait(lab.sbatch("sleep 1234"), "RUNNING")
    user.kill()
    user.communicate()
    assert gone(folder, network) == []


def test_when_its_keeper_is_killed(run_key: str) -> None:
    key = f"{run_key} keeper"
    user = hold(key)
    folder = folder_of(key, SMALL)
    with lab_of(key, SMALL) as lab:
        network = lab.layout.network
        lab.wait(lab.sbatch("sleep 1234"), "RUNNING")
    keepers = [each for each in traces(folder, network) if "keeper.py" in each]
    assert len(keepers) == 1, keepers
    os.kill(int(keepers[0].split()[1]), signal.SIGKILL)
    user.communicate("")
    files = ("file ", "cgroup ")  # only a new lab of that key sweeps them
    limit = time.monotonic() + 15
    while left := [each for each in traces(folder, network) if not each.startswith(files)]:
        assert time.monotonic() < limit, left
        time.sleep(0.1)
    with lab_of(key, SMALL) as again:
        again.wait(again.sbatch("true"), "COMPLETED")
    assert gone(folder, network) == []


def test_on_one_host_without_namespaces(run_key: str) -> None:
    flat = SMALL._replace(namespaces=False)
    with lab_of(f"{run_key} flat", flat) as lab:
        folder = lab.folder
        failed = lab.sbatch("srun sh -c 'exit 6'; exit 6", "--nodes=2")
        lab.wait(failed, "FAILED")
        assert "ExitCode=6:0" in lab.ask("scontrol", "show", "job", failed)
        lab.wait(lab.sbatch("setsid sleep 1234 & sleep 1234", "--nodes=1"), "RUNNING")
    assert gone(folder, "none") == []
