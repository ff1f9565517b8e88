"""The lab does what a cluster does."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from real.slurm.client import Lab, LabError
from real.slurm.layout import MIN_JOB_AGE
from real.slurm.spaces import listening, namespaces_allowed

pytestmark = pytest.mark.real


def on(nodes: list[str], *more: str) -> list[str]:
    return [f"--nodelist={','.join(nodes)}", f"--nodes={len(nodes)}", *more]


def states(lab: Lab, job: str) -> list[str]:
    """What accounting has for each start of a job, once the last one has an end."""
    limit = time.monotonic() + 20
    while True:
        rows = [row["State"].split()[0] for row in lab.sacct(job) if row["JobID"] == job]
        if rows and rows[-1] not in ("RUNNING", "PENDING", "COMPLETING", "REQUEUED"):
            return rows
        assert time.monotonic() < limit, rows
        time.sleep(0.2)


def test_a_job_over_two_nodes_has_its_gpus_and_its_exit_code(lab: Lab, tmp_path: Path) -> None:
    with lab.lease(2) as nodes:
        says = "srun sh -c 'echo $(hostname) $CUDA_VISIBLE_DEVICES' | sort >out; exit 7"
        job = lab.sbatch(says, *on(nodes, "--gres=gpu:8", f"--chdir={tmp_path}"))
        lab.wait(job, "FAILED")
        hosts = nodes if lab.layout.namespaces else [lab.layout.host] * 2
        assert (tmp_path / "out").read_text().splitlines() == sorted(
            f"{host} 0,1,2,3,4,5,6,7" for host in hosts
        )
        assert states(lab, job) == ["FAILED"]
        assert lab.sacct(job, "JobID", "ExitCode")[0] == {"JobID": job, "ExitCode": "7:0"}
        assert lab.leftovers(nodes) == []


def test_a_requeued_job_starts_again_within_seconds(lab: Lab, tmp_path: Path) -> None:
    with lab.lease(1) as nodes:
        script = "echo start $SLURM_RESTART_COUNT >>out; [ $SLURM_RESTART_COUNT ] || sleep 100"
        job = lab.sbatch(script, *on(nodes, f"--chdir={tmp_path}"))
        while not (tmp_path / "out").exists():
            time.sleep(0.1)
        lab.ask("scontrol", "requeue", job)
        lab.wait(job, "COMPLETED", seconds=40)
        assert (tmp_path / "out").read_text().split("\n") == ["start", "start 1", ""]
        assert states(lab, job) == ["REQUEUED", "COMPLETED"]


def test_urgent_requeues_a_job_and_gpu_cancels_one_with_grace(lab: Lab) -> None:
    with lab.lease(2) as nodes:
        whole = ["--gres=gpu:8"]
        requeued = lab.sbatch("sleep 300", *on(nodes[:1]), *whole)
        script = "trap 'sleep 2; exit 3' TERM; sleep 300 & wait"
        cancelled = lab.sbatch(script, *on(nodes[1:], "--partition=scavenge"), *whole)
        for job in (requeued, cancelled):
            lab.wait(job, "RUNNING")
        urgent = [
            lab.sbatch("sleep 1", *on(nodes[:1], "--partition=urgent"), *whole),
            lab.sbatch("sleep 1", *on(nodes[1:]), *whole),
        ]
        for job in urgent:
            lab.wait(job, "COMPLETED")
        lab.wait(requeued, "RUNNING", seconds=30)
        lab.ask("scancel", requeued)
        assert states(lab, requeued)[0] == "PREEMPTED"
        assert states(lab, cancelled) == ["PREEMPTED"]


def test_a_job_outlives_its_slurmd(lab: Lab) -> None:
    with lab.lease(1) as nodes:
        job = lab.sbatch("sleep 4; exit 5", *on(nodes))
        lab.wait(job, "RUNNING")
        lab.kill_slurmd(nodes[0])
        lab.start_node(nodes[0])
        lab.wait(job, "FAILED")
        assert lab.sacct(job, "ExitCode")[0] == {"ExitCode": "5:0"}


def test_too_much_memory_is_told_by_slurm(lab: Lab) -> None:
    with lab.lease(1) as nodes:
        eat = "import time; held = [bytearray(b'x') * (8 << 20) for _ in range(40)]; time.sleep(20)"
        job = lab.sbatch(f'{sys.executable} -c "{eat}"', *on(nodes, "--mem=100"))
        lab.wait(job, "OUT_OF_MEMORY" if lab.layout.cgroup else "FAILED")
        (row,) = [row for row in lab.sacct(job) if row["JobID"] == job]
        assert row["ExitCode"] == ("0:125" if lab.layout.cgroup else "0:9")


def test_limits_are_kept(lab: Lab) -> None:
    refused = {
        "Job violates accounting/QOS policy": ["--qos=strict", "--gres=gpu:8", "--nodes=2"],
        "Invalid qos specification": ["--qos=small", "--account=guest"],
        "Invalid feature specification": ["--constraint=nosuch"],
        "Requested node configuration is not available": ["--gres=gpu:9"],
    }
    for message, options in refused.items():
        with pytest.raises(LabError, match=message):
            lab.sbatch("true", *options)
    waiting = {
        "QOSMaxGRESPerJob": ["--qos=small", "--gres=gpu:8", "--nodes=2"],
        "PartitionTimeLimit": ["--partition=short", "--time=10"],
        "PartitionDown": ["--partition=closed"],
        "account not permitted to use this partition": ["--partition=urgent", "--account=guest"],
        "PartitionNodeLimit": [f"--nodes={lab.layout.nodes + 1}"],
    }
    for reason, options in waiting.items():
        job = lab.sbatch("true", *options)
        limit = time.monotonic() + 20
        while reason not in (shown := lab.ask("squeue", "--noheader", f"--jobs={job}", "--format=%T %r")):
            assert time.monotonic() < limit, shown
            time.sleep(0.2)
        lab.ask("scancel", job)


def test_what_a_job_leaves_is_seen(lab: Lab) -> None:
    if not lab.layout.namespaces:
        pytest.skip("without namespaces nothing tells the processes of nodes apart")
    with lab.lease(1) as nodes:
        leave = "import socket, time; s = socket.create_server(('', 23456)); time.sleep(60)"
        job = lab.sbatch(
            f'setsid {sys.executable} -c "{leave}" >/dev/null 2>&1 & touch /var/tmp/file; sleep 1', *on(nodes)
        )
        lab.wait(job, "COMPLETED", "FAILED")
        left = lab.leftovers(nodes, seconds=1)
        assert any("create_server" in each for each in left) and {
            f"{nodes[0]}: port 23456",
            f"{nodes[0]}: /var/tmp/file",
        } < set(left)
        (process,) = [each for each in lab.processes_of(job) if "create_server" in each.command]
        os.kill(process.pid, signal.SIGKILL)
        lab.wait(lab.sbatch("rm /var/tmp/file", *on(nodes)), "COMPLETED")
        assert lab.leftovers(nodes) == []


def test_without_accounting_only_slurmctld_knows(lab_without_accounting: Lab) -> None:
    lab = lab_without_accounting
    job = lab.sbatch("exit 3")
    assert lab.wait(job, "FAILED") == "FAILED"
    with pytest.raises(LabError, match="accounting storage is disabled"):
        lab.sacct(job)


def test_two_labs_do_not_meet(lab: Lab, lab_without_accounting: Lab) -> None:
    assert lab.layout.folder != lab_without_accounting.layout.folder
    if namespaces_allowed():
        assert lab.layout.network != lab_without_accounting.layout.network
        assert 6818 not in listening(os.getpid()), "a slurmd listens in this machine's own network"


class Begun(NamedTuple):
    """A job whose node is dead, and one that is over."""

    job: str
    node: str
    over: str
    when: float


@pytest.fixture(scope="module")
def begun(lab: Lab) -> Iterator[Begun]:
    """For the last two tests alone: who holds nodes and asks for more waits for ever where another wants the lab."""
    with lab.lease(1) as nodes:
        job, over = lab.sbatch("sleep 300", *on(nodes)), lab.sbatch("exit 9", *on(nodes))
        lab.wait(over, "FAILED")
        lab.wait(job, "RUNNING")
        lab.kill_node(nodes[0])
        yield Begun(job, nodes[0], over, time.monotonic())
        lab.start_node(nodes[0])


def test_a_dead_node_fails_its_job_which_is_requeued_and_runs_when_it_is_back(lab: Lab, begun: Begun) -> None:
    lab.wait(begun.job, "PENDING", seconds=60)
    lab.start_node(begun.node)
    lab.wait(begun.job, "RUNNING", seconds=60)
    lab.ask("scancel", begun.job)
    assert states(lab, begun.job)[0] == "NODE_FAIL"


def test_a_finished_job_is_forgotten_by_slurmctld_and_known_to_accounting(lab: Lab, begun: Begun) -> None:
    limit = max(time.monotonic(), begun.when + 2 * MIN_JOB_AGE) + 20
    while lab.run("scontrol", "show", "job", begun.over).returncode == 0:
        assert time.monotonic() < limit
        time.sleep(0.5)
    assert lab.squeue(begun.over) == ""
    assert lab.sacct(begun.over, "State", "ExitCode")[0] == {"State": "FAILED", "ExitCode": "9:0"}
