"""What of a job a cluster would refuse, or take and never run. The cluster is Slurm 22.05's own words, recorded."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from toolspec.backends.launch.environment import gpus_here
from toolspec.backends.launch.ready import asked_of, cores, other_gpus
from toolspec.backends.launch.slurm.asked import Asked
from toolspec.backends.launch.slurm.cluster import (
    Cluster,
    read_charges,
    read_limits,
    read_nodes,
    read_partitions,
    read_ping,
)
from toolspec.backends.launch.slurm.preflight import most_cores, preflight, share
from toolspec.backends.verl.doctor.snapshot import Gpu, Gpus
from toolspec.specs.problem import Span

PLAN = {"cluster.nodes": 1, "cluster.gpus": 8, "cluster.gpu": "unknown", "cluster.time_seconds": 3600}

PARTITIONS = """\
PartitionName=gpu AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default=YES QoS=N/A \
DefaultTime=00:10:00 MaxNodes=UNLIMITED MaxTime=1-00:00:00 MinNodes=0 Nodes=n[1-8] State=UP TotalCPUs=256 TotalNodes=8
PartitionName=urgent AllowGroups=ALL DenyAccounts=guest AllowQos=ALL AllocNodes=ALL Default=NO \
DefaultTime=NONE MaxNodes=2 MaxTime=01:00:00 Nodes=n[1-8] State=UP
PartitionName=closed AllowGroups=ALL AllowAccounts=research AllowQos=high Default=NO DefaultTime=NONE \
MaxNodes=UNLIMITED MaxTime=UNLIMITED Nodes=n[1-8] State=DOWN
PartitionName=pairs AllowQos=high,urgent Default=NO MinNodes=2 MaxTime=UNLIMITED Nodes=n[1-8] State=UP
PartitionName=part MaxTime=UNLIMITED MaxCPUsPerNode=8 Nodes=n[1-8] State=UP QoS=small MaxMemPerNode=50000
PartitionName=lean MaxTime=UNLIMITED MaxCPUsPerNode=UNLIMITED Nodes=n[1-8] State=UP QoS=N/A MaxMemPerCPU=1000
"""
NODES = "".join(
    f"n{number}|{partition}|{state}|32|64000|{gres}|{features}|\n"
    for partition in ("gpu*", "urgent", "closed", "pairs", "part", "lean")
    for number, state, gres, features in (
        (1, "idle", "gpu:h100:8(S:0-1)", "(null)"),
        (2, "mixed", "gpu:h100:8", "nvlink,ib"),
        (3, "down*", "gpu:h100:8", "nvlink"),
        (4, "drained", "gpu:a100:4,nvme:1", "(null)"),
        (5, "allocated", "(null)", "(null)"),
    )
)
CHARGES = "lab|research|research||high,large,normal|\nlab|research|guest||normal|\n"
LIMITS = "normal||||\nsmall|02:00:00|gres/gpu=8,cpu=64|DenyOnLimit\nlarge|1-00:00:00|node=1|OverPartQOS\n"
CLUSTER = Cluster(
    read_partitions(PARTITIONS),
    read_nodes(NODES),
    tuple(each for _, each in read_charges(CHARGES)),
    {},
    read_limits(LIMITS),
)
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
        ({"partition": "gpu,gup"}, "TS932", "error", "no partition `gup`", "gpu"),
        ({"partition": "closed,urgent", "nodes": 3}, "TS932", "error", "closed is DOWN", ""),
        (
            {"partition": "pairs", "qos": "high", "nodes": 1},
            "TS936",
            "error",
            "2 nodes or more, not 1",
            "nodes: 2",
        ),
        ({"partition": "pairs", "qos": None}, "TS935", "error", "not normal, which a job has", "qos: high"),
        (
            {"partition": "pairs", "qos": "normal"},
            "TS935",
            "error",
            "takes the QOS high, urgent, not normal",
            "",
        ),
        ({"partition": "closed", "account": None, "qos": "high"}, "TS932", "error", "closed is DOWN", ""),
        (
            {"partition": "part", "nodes": 1, "cpus": 9},
            "TS936",
            "error",
            "9 CPU cores of a node are over the 8",
            "8",
        ),
        (
            {"partition": "part", "nodes": 1, "memory": 50_001},
            "TS936",
            "error",
            "over the 50000",
            "memory: 50000MB",
        ),
        (
            {"partition": "part", "nodes": 1},
            "TS933",
            "error",
            "10h are over the 2h that the QOS small",
            "time: 2h",
        ),
        (
            {"partition": "part", "time": 60},
            "TS936",
            "error",
            "16 GPUs are over the 8 that the QOS small",
            "",
        ),
        ({"qos": "large"}, "TS936", "error", "2 nodes are over the 1 that the QOS large", "nodes: 1"),
        (
            {"partition": "part", "qos": "large", "nodes": 1, "gpus": 4, "gpu": "h100"},
            "TS938",
            "warning",
            "1 of the 4 nodes that fit have a100",
            "extra: {gpus-per-node: 'h100:4'}",
        ),
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
    assert ("no default partition" in message, fix) == (
        True,
        "partition: one of gpu, urgent, closed, pairs, part, lean",
    )


def test_one_of_several_partitions_is_enough() -> None:
    assert found(partition="closed,gpu") == []
    assert found(partition="urgent,gpu", time=1200) == []


def test_the_partitions_qos_comes_first_unless_the_jobs_goes_over_it() -> None:
    assert found(partition="part", qos="large", nodes=1, time=1000) == []
    assert found(partition="part", qos="normal", nodes=1, time=100) == []


def test_the_account_where_none_is_said() -> None:
    own = tuple(each._replace(usual=each.account == "guest") for each in CLUSTER.charges or ())
    ((code, _, message, fix),) = found(
        CLUSTER._replace(charges=own), partition="urgent", account=None, time=30
    )
    assert (code, fix) == ("TS934", "cluster.slurm.account: research")
    assert "closed to the account guest, your account where none is said" in message


@pytest.mark.parametrize(("asked", "wrong"), [("8", False), ("h100:8", False), ("h100:4", True), ("4", True)])
def test_as_many_gpus_of_a_type_as_verl_is_told(asked: str, wrong: bool) -> None:
    plan: Any = {**PLAN, "cluster.slurm.extra": {"gpus-per-node": asked}}
    assert bool(list(other_gpus(plan, lambda _: None))) == wrong
    assert asked_of(plan).kind == asked.rpartition(":")[0]


def test_what_the_users_environment_says_is_judged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """sbatch would take it from there, unlooked at."""
    plan: Any = {**PLAN, "cluster.slurm.qos": "high"}
    for name in ("PARTITION", "ACCOUNT", "QOS"):
        monkeypatch.setenv(f"SBATCH_{name}", f"my-{name.lower()}")
    asked = asked_of(plan)
    assert (asked.partition, asked.account, asked.qos) == ("my-partition", "my-account", "high")


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


def test_partitions_that_nobody_tells_of_are_said() -> None:
    blind = Cluster((), (), None, {"partitions": "scontrol: Invalid authentication credential"})
    ((code, severity, message, _),) = found(blind)
    assert (code, severity) == ("TS939", "note")
    assert message == "partitions could not be asked: scontrol: Invalid authentication credential"


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


@pytest.mark.parametrize(
    ("partition", "asked", "said"),
    [
        ("part", {}, {"cpus-per-task": 8, "mem": 50_000}),
        ("part", {"gpus": 2}, {"cpus-per-task": 8, "mem": 15_200}),
        ("lean", {}, {"cpus-per-task": 32, "mem": 32_000}),
        ("lean", {"cpus": 4}, {"mem": 4000}),
        ("gpu", {}, {"cpus-per-task": 32, "mem": 0}),
    ],
)
def test_the_share_is_no_more_than_the_partition_gives(
    partition: str, asked: dict[str, Any], said: dict[str, int]
) -> None:
    """Slurm refuses more cores, and never runs a job with more memory (MaxMemPerLimit)."""
    assert share(FINE._replace(**asked), CLUSTER.nodes_of(partition), CLUSTER.named(partition)) == said


def test_cores_that_no_node_has_are_not_proposed() -> None:
    plan: Any = {"cluster.nodes": 1, "cluster.world_size": 8, "train.trainer": "v1"}
    ((fix, severity),) = [(one.fix, one.severity) for one in cores(plan, 32, lambda _: None, 32)]
    assert (severity, fix[:40]) == ("warning", "train.trainer: v0, which reserves 25, or")
    ((fix, severity),) = [(one.fix, one.severity) for one in cores(plan, 8, lambda _: None, 8)]
    assert (severity, fix) == ("error", "fewer GPUs: a job gets at most 8 cores of a node there")
    assert most_cores(FINE._replace(partition="part,gpu"), CLUSTER) == 32
    assert most_cores(FINE._replace(partition="part"), CLUSTER) == 8


@pytest.mark.parametrize(
    ("wanted", "used", "visible", "said"),
    [
        (2, 0, None, []),
        (
            4,
            0,
            None,
            [("error", "gpus: 2 × NVIDIA H100 80GB HBM3, 80 GiB", "cluster: {gpus: 2}, or another node")],
        ),
        (2, 0, "1", [("error", "CUDA_VISIBLE_DEVICES: 1", "unset it, or ask the scheduler for more")]),
        (2, 9000, None, [("warning", "gpu memory: in use on 0: 9000 MiB", "nvidia-smi shows the processes")]),
    ],
)
def test_the_gpus_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
    wanted: int,
    used: int,
    visible: str | None,
    said: list[tuple[str, str, str]],
) -> None:
    """For --local: Ray would wait for GPUs that never come."""
    cards = tuple(Gpu("NVIDIA H100 80GB HBM3", 81559, each) for each in (used, 0))
    monkeypatch.setattr("toolspec.backends.launch.environment.gpus", lambda: Gpus("580.65.06", "13.0", cards))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    needs: Any = SimpleNamespace(gpus=wanted, gpu=None, nodes=1)
    assert [(one.severity, one.message, one.fix) for one in gpus_here(needs, lambda _: None)] == said
