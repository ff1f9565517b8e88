"""What of a job a cluster would refuse, or take and never run. The cluster is Slurm 22.05's own words, recorded."""

from __future__ import annotations

from typing import Any

import pytest

from toolspec.backends.launch.ready import cores
from toolspec.backends.launch.slurm.cluster import (
    Cluster,
    read_charges,
    read_nodes,
    read_partitions,
    read_ping,
)
from toolspec.backends.launch.slurm.preflight import Asked, preflight, share
from toolspec.specs.problem import Span

PARTITIONS = """\
PartitionName=gpu AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default=YES QoS=N/A \
DefaultTime=00:10:00 MaxNodes=UNLIMITED MaxTime=1-00:00:00 MinNodes=0 Nodes=n[1-8] State=UP TotalCPUs=256 TotalNodes=8
PartitionName=urgent AllowGroups=ALL DenyAccounts=guest AllowQos=ALL AllocNodes=ALL Default=NO \
DefaultTime=NONE MaxNodes=2 MaxTime=01:00:00 Nodes=n[1-8] State=UP
PartitionName=closed AllowGroups=ALL AllowAccounts=research AllowQos=high Default=NO DefaultTime=NONE \
MaxNodes=UNLIMITED MaxTime=UNLIMITED Nodes=n[1-8] State=DOWN
"""
NODES = "".join(
    f"n{number}|{partition}|{state}|32|64000|{gres}|{features}|\n"
    for partition in ("gpu*", "urgent", "closed")
    for number, state, gres, features in (
        (1, "idle", "gpu:h100:8(S:0-1)", "(null)"),
        (2, "mixed", "gpu:h100:8", "nvlink,ib"),
        (3, "down*", "gpu:h100:8", "nvlink"),
        (4, "drained", "gpu:a100:4,nvme:1", "(null)"),
        (5, "allocated", "(null)", "(null)"),
    )
)
CHARGES = "research||high,normal|\nguest||normal|\n"
CLUSTER = Cluster(read_partitions(PARTITIONS), read_nodes(NODES), read_charges(CHARGES), {})
FINE = Asked("gpu", "research", "normal", 600, 2, 8, None, None, None, None)


def place(path: str) -> Span | None:
    return Span("exp.yaml", 3, 1) if path.startswith("cluster") else None


def found(cluster: Cluster = CLUSTER, **asked: Any) -> list[tuple[str, str, str, str]]:
    """(code, severity, message, fix) of each problem."""
    problems = preflight(FINE._replace(**asked), cluster, place)
    assert all(one.span is not None for one in problems if one.path and one.severity != "note")
    return [(one.code, one.severity, one.message, one.fix) for one in problems]


def test_a_job_that_fits() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("asked", "code", "severity", "words", "fix"),
    [
        ({"partition": "gup"}, "TS932", "error", "no partition `gup`", "gpu"),
        ({"partition": "closed", "qos": None}, "TS932", "error", "closed is DOWN", ""),
        ({"time": 2000}, "TS933", "error", "2000m is over the 1d that gpu allows", "cluster.slurm.time: 1d"),
        ({"time": None}, "TS933", "warning", "gpu gives 10m", "12h"),
        ({"account": "reserch"}, "TS934", "error", "no account `reserch`", "research"),
        (
            {"partition": "urgent", "account": "guest", "time": 30},
            "TS934",
            "error",
            "closed to the account guest",
            "",
        ),
        ({"qos": "hgih"}, "TS935", "error", "may not use the QOS `hgih`", "high"),
        ({"account": "guest", "qos": "high"}, "TS935", "error", "guest may not use the QOS `high`", ""),
        ({"nodes": 9}, "TS936", "error", "of gpu's 5 nodes 3 have that", "cluster.nodes: 3"),
        (
            {"gpus": 16},
            "TS936",
            "error",
            "5 nodes 0 have that (GPUs: 1 with 0, 1 with 4, 3 with 8)",
            "cluster.gpus: 8",
        ),
        ({"nodes": 3}, "TS936", "warning", "2 of the 3 nodes with 8 GPUs are in service (down)", ""),
        ({"cpus": 64}, "TS936", "error", "64 CPUs are asked for", ""),
        ({"memory": 100_000}, "TS936", "error", "97.66 GB are asked for", ""),
        (
            {"partition": "urgent", "nodes": 3, "time": 30},
            "TS936",
            "error",
            "over the 2 that urgent gives one job",
            "",
        ),
        ({"constraint": "nvlnk", "nodes": 1}, "TS937", "error", "has the feature `nvlnk`", "nvlink"),
        ({"gpu": "a100-80gb"}, "TS938", "warning", "is for a100-80gb, and the nodes that fit have h100", ""),
    ],
)
def test_what_does_not_fit(asked: dict[str, Any], code: str, severity: str, words: str, fix: str) -> None:
    problems = found(**asked)
    assert any(
        (one[0], one[1]) == (code, severity) and words in one[2] and fix in one[3] for one in problems
    ), problems


def test_a_default_partition_need_not_be_named() -> None:
    assert found(partition=None) == []
    without = CLUSTER._replace(partitions=tuple(each._replace(default=False) for each in CLUSTER.partitions))
    ((code, severity, message, fix),) = found(without, partition=None)
    assert (code, severity) == ("TS932", "error")
    assert ("no default partition" in message, fix) == (True, "partition: one of gpu, urgent, closed")


def test_what_does_not_answer_is_said_and_not_guessed() -> None:
    down = CLUSTER._replace(silent={"controller": "Slurmctld(primary) at ctl is DOWN"})
    assert [one[:2] for one in found(down, partition="nope")] == [("TS931", "error")]
    blind = Cluster(
        CLUSTER.partitions, (), None, {"nodes": "sinfo did not answer within 10 s", "accounts": "x"}
    )
    assert [one[:2] for one in found(blind, nodes=99, account="who")] == [
        ("TS939", "note"),
        ("TS939", "note"),
    ]


def test_pings() -> None:
    assert read_ping("Slurmctld(primary) at ctl is UP\nSlurmctld(backup) at b is DOWN\n") == ""
    assert read_ping("Slurmctld(primary) at ctl is DOWN\n") == "Slurmctld(primary) at ctl is DOWN"
    assert read_ping("") != ""


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, {"cpus-per-task": 32, "mem": 0}),
        ({"gpus": 2}, {"cpus-per-task": 8, "mem": int(64000 * 2 / 8 * 0.95)}),
        ({"cpus": 4}, {"mem": 0}),
        ({"memory": 1000, "gpus": 4}, {"cpus-per-task": 16}),
        ({"gpus": 99}, {}),
    ],
)
def test_cores_and_memory_are_the_share_of_the_gpus(asked: dict[str, Any], said: dict[str, int]) -> None:
    """Of the smallest node that fits: Slurm's own default is one core, on which Ray starts one worker."""
    nodes = [node for node in CLUSTER.nodes if node.partition == "gpu"]
    assert share(FINE._replace(**asked), nodes) == said


@pytest.mark.parametrize(
    ("nodes", "gpus", "trainer", "cores_of_a_node", "severity", "fix"),
    [
        (1, 8, "v1", 33, None, ""),
        (1, 8, "v1", 32, "warning", "33"),
        (1, 8, "v1", 23, "error", "33"),
        (1, 8, "v0", 25, None, ""),
        (1, 8, "v0", 24, "error", "25"),
        (2, 8, "v1", 29, None, ""),
        (2, 8, "v1", 28, "warning", "29"),
        (4, 8, "v0", "not said", None, ""),
    ],
)
def test_cores_that_verl_reserves(
    nodes: int, gpus: int, trainer: str, cores_of_a_node: object, severity: str | None, fix: str
) -> None:
    plan: Any = {"cluster.nodes": nodes, "cluster.world_size": nodes * gpus, "train.trainer": trainer}
    found = list(cores(plan, cores_of_a_node, lambda _: None))
    assert [one.severity for one in found] == ([severity] if severity else [])
    assert [one.fix for one in found] == ([f"cluster.slurm.cpus: {fix}"] if severity else [])
