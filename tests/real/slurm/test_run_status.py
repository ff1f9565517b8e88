"""`status` and `cancel` against a real Slurm: each state that a job gets into, each stage that it is cancelled at."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from real.slurm.client import Lab
from real.slurm.layout import MIN_JOB_AGE
from run_folders import Folder
from toolspec.backends.launch.process import user

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[3]
DEAF = "trap '' TERM; sleep 300 & while :; do wait; done"
REQUEUES_ITSELF = "trap 'scontrol requeue $SLURM_JOB_ID' TERM; sleep 300 & wait"


class Runs:
    """A folder of runs, jobs in their name, and toolspec's commands over them."""

    def __init__(self, lab: Lab, place: Path, node: str) -> None:
        self.lab, self.place, self.node = lab, place, node

    def submit(self, script: str, *options: str, began: bool = False) -> Folder:
        """A run with a job that does what the script says; began: and that wrote its beginning, once it runs."""
        folder = Folder(self.place, f"exp-{secrets.token_hex(3)}", created=time.time())
        job = self.lab.sbatch(
            script, f"--job-name={folder.path.name}", f"--nodelist={self.node}", "--requeue", *options
        )
        folder.submit(job, at=time.time(), user=user())
        if began:
            self.lab.wait(job, "RUNNING")
            folder.began(at=time.time())
        return folder

    def job(self, run: Folder) -> str:
        return str(json.loads((run.path / "submissions" / "0001.json").read_text("utf-8"))["job"])

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        environment = self.lab.environment(TOOLSPEC_RUNS=str(self.place), PYTHONPATH=str(ROOT / "src"))
        command = [sys.executable, "-m", "toolspec", *arguments]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def __call__(self, *arguments: str) -> tuple[int, str]:
        process = self.started(*arguments)
        out, _ = process.communicate(timeout=120)
        return process.returncode, out

    def status(self, run: Folder) -> dict[str, Any]:
        document = json.loads(self("status", run.path.name, "--format", "json")[1])
        found: dict[str, Any] = document["runs"][0]
        return found

    def until(self, run: Folder, phase: str, seconds: float = 40) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while (found := self.status(run))["state"] != phase:
            assert time.monotonic() < end, found
            time.sleep(0.3)
        return found

    def stay_away(self, *some: Folder, seconds: float = 9) -> None:
        """Longer than Slurm takes to start a requeued job again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert {self.lab.squeue(self.job(run)) for run in some} <= {"CANCELLED", ""}
            time.sleep(0.5)
        assert {self.status(run)["state"] for run in some} == {"cancelled"}


@contextmanager
def made(lab: Lab, place: Path, node: str) -> Iterator[Runs]:
    runs = Runs(lab, place, node)
    try:
        yield runs
    finally:
        for folder in place.glob("exp-*"):
            job = json.loads((folder / "submissions" / "0001.json").read_text("utf-8"))["job"]
            lab.run("scancel", job)


@pytest.fixture
def runs(lab: Lab, tmp_path: Path) -> Iterator[Runs]:
    with lab.lease(1) as nodes, made(lab, tmp_path, nodes[0]) as found:
        yield found


@pytest.fixture
def runs_without_accounting(lab_without_accounting: Lab, tmp_path: Path) -> Iterator[Runs]:
    with lab_without_accounting.lease(1) as nodes, made(lab_without_accounting, tmp_path, nodes[0]) as found:
        yield found


def test_jobs_that_never_begin_say_why(runs: Runs) -> None:
    late = runs.submit("sleep 1", "--time=9-0")
    held = runs.submit("sleep 1", "--hold")
    after = runs.submit("sleep 1", "--begin=now+1hour")
    time.sleep(1.5)  # the scheduler looks at them
    found = {key: runs.status(run) for key, run in {"late": late, "held": held, "after": after}.items()}
    assert {each["state"] for each in found.values()} == {"pending"}
    assert "never begins" in found["late"]["why"] and "cluster.slurm.time" in found["late"]["fix"]
    assert found["held"]["fix"] == f"scontrol release {runs.job(held)}"
    assert 3000 < found["after"]["starts"] - time.time() < 3700


def test_a_run_from_its_job_to_its_exit_code(runs: Runs) -> None:
    run = runs.submit("sleep 300", began=True)
    assert runs.status(run)["state"] == "running"
    runs.lab.ask("scontrol", "requeue", runs.job(run))
    assert runs.until(run, "requeued")["restarts"] == 1
    assert runs.until(run, "starting")["restarts"] == 1
    failing = runs.submit("exit 7")
    found = runs.until(failing, "failed")
    assert (found["exit_code"], found["source"]) == (7, "slurm")
    code, out = runs("status", failing.path.name)
    assert code == 1 and "exit code 7" in out


def test_a_requeue_that_is_held(runs: Runs) -> None:
    run = runs.submit("sleep 300", began=True)
    runs.lab.ask("scontrol", "requeuehold", runs.job(run))
    found = runs.until(run, "requeued")
    assert "held" in found["why"] and found["fix"] == f"scontrol release {runs.job(run)}"


def test_cancelled_jobs_stay_away(runs: Runs) -> None:
    """At each stage, by one call: a job that waits, one that runs, a deaf one, one that requeues itself when told."""
    some = [
        runs.submit("sleep 300", "--begin=now+1hour"),
        runs.submit("sleep 300", began=True),
        runs.submit(DEAF, began=True),
        runs.submit(REQUEUES_ITSELF, began=True),
    ]
    code, out = runs("cancel", *(run.path.name for run in some))
    assert (code, out.splitlines()) == (
        0,
        [f"cancelled  {run.path.name}  job {runs.job(run)}" for run in some],
    )
    runs.stay_away(*some)
    assert runs("cancel", *(run.path.name for run in some))[1].count("is over already: cancelled") == len(
        some
    )


def test_two_cancels_at_once_of_a_job_that_waits_again(runs: Runs) -> None:
    run = runs.submit("sleep 300", began=True)
    runs.lab.ask("scontrol", "requeue", runs.job(run))
    both = [runs.started("cancel", run.path.name) for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    runs.stay_away(run)


def test_without_accounting_and_after_a_purge_the_events_speak(runs_without_accounting: Runs) -> None:
    runs = runs_without_accounting
    failing, lost, done = runs.submit("exit 7"), runs.submit("sleep 1"), runs.submit("sleep 2", began=True)
    assert runs.until(failing, "failed")["exit_code"] == 7
    done.ended(0, "done", at=time.time(), step=290)
    end = time.monotonic() + MIN_JOB_AGE + 60
    while any(runs.lab.squeue(runs.job(run)) for run in (failing, lost, done)):
        assert time.monotonic() < end, "not purged"
        time.sleep(0.5)
    assert runs.status(done)["state"] == "done"
    assert runs.status(lost)["state"] == "lost", "nothing of it was ever written"


def test_a_controller_that_is_down(lab: Lab, tmp_path: Path) -> None:
    with lab.alone() as nodes, made(lab, tmp_path, nodes[0]) as runs:
        run = runs.submit("sleep 300", began=True)
        runs.until(run, "running")
        with lab.outage("slurmctld"):
            begin = time.monotonic()
            found = runs.status(run)
            assert time.monotonic() - begin < 15
            assert found["state"] == "running"
            assert "squeue" in (found["silent"] or " ".join(found["notes"]))
        found = runs.status(run)
        assert (found["state"], found["silent"], found["notes"]) == ("running", None, [])
