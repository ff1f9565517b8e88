"""Daemons that go and come back, which hits everybody: such a test has the lab alone."""

from __future__ import annotations

import time

import pytest

from real.slurm.client import Lab, LabError

pytestmark = pytest.mark.real


def test_daemons_go_and_come_back_and_a_job_goes_on(lab: Lab) -> None:
    with lab.alone() as nodes:
        job = lab.sbatch("sleep 6; exit 4", f"--nodelist={nodes[0]}")
        lab.wait(job, "RUNNING")
        with lab.outage("slurmctld"):
            assert lab.run("scontrol", "ping").returncode != 0
        with lab.outage("slurmdbd"):
            assert lab.run("sacct", "--jobs=1").returncode != 0
            assert lab.squeue(job) in ("RUNNING", "COMPLETING", "FAILED")
        lab.wait(job, "FAILED")
        end = time.monotonic() + 60  # accounting hears of what slurmctld has kept for it some seconds late
        while (row := lab.sacct(job, "State", "ExitCode")[0])[
            "State"
        ] == "RUNNING" and time.monotonic() < end:
            time.sleep(0.5)
        assert row == {"State": "FAILED", "ExitCode": "4:0"}
    with lab.lease(1), pytest.raises(LabError, match="alone"), lab.outage("slurmctld"):
        pass
