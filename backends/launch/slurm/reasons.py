"""What Slurm's reasons mean: why a job waits, whether it will ever begin, and what to do. A table.

The names are those of `job_reason_string` (slurm, src/common/slurm_protocol_defs.c, 22.05) and the free texts that the
controller writes in their place (src/slurmctld/job_mgr.c, node_scheduler.c); some were seen on a cluster of 22.05.8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Meaning(NamedTuple):
    """words: a clause. fix: what to do, or "". never: as it was asked for, the job does not begin by itself."""

    words: str
    fix: str = ""
    never: bool = False


_LESS = "ask for less, or for another partition or QOS: toolspec cancel, then submit again"
_RELEASE = "scontrol release JOB"

REASONS: Mapping[str, Meaning] = MappingProxyType(
    {
        "Priority": Meaning("jobs of higher priority are before it"),
        "Resources": Meaning("it is next, and waits for nodes to come free"),
        "BeginTime": Meaning("it may not begin before a time that was set"),
        "Dependency": Meaning("it waits for the jobs that it depends on"),
        "DependencyNeverSatisfied": Meaning(
            "a job that it depends on failed, so it can never begin",
            "toolspec cancel, then submit again",
            True,
        ),
        "JobHeldUser": Meaning("it is held, by its user or after a failed start", _RELEASE, True),
        "JobHeldAdmin": Meaning("an administrator holds it", "ask the administrators of the cluster", True),
        "PartitionTimeLimit": Meaning(
            "its time limit is above the partition's, so it never begins",
            "a shorter cluster.slurm.time, or another cluster.slurm.partition",
            True,
        ),
        "PartitionNodeLimit": Meaning(
            "it asks for more nodes than the partition has or allows, so it never begins",
            "fewer cluster.nodes, or another cluster.slurm.partition",
            True,
        ),
        "PartitionConfig": Meaning(
            "it asks for what the partition does not allow (nodes or time), so it never begins",
            "compare cluster with scontrol show partition",
            True,
        ),
        "PartitionDown": Meaning("its partition is down", "wait, or another cluster.slurm.partition"),
        "PartitionInactive": Meaning(
            "its partition starts no jobs now", "wait, or another cluster.slurm.partition"
        ),
        "AccountNotAllowed": Meaning(
            "the partition does not take its account", "another cluster.slurm.account", True
        ),
        "QOSNotAllowed": Meaning("the partition does not take its QOS", "another cluster.slurm.qos", True),
        "InvalidAccount": Meaning("its account is not valid any more", "another cluster.slurm.account", True),
        "InvalidQOS": Meaning("its QOS is not valid any more", "another cluster.slurm.qos", True),
        "BadConstraints": Meaning("no node has what it asks for, so it never begins", _LESS, True),
        "Reservation": Meaning("it waits for its reservation to begin"),
        "ReservationDeleted": Meaning("its reservation is gone", "submit again without it", True),
        "ReqNodeNotAvail": Meaning("nodes that it needs are down, drained or reserved"),
        "NodeDown": Meaning("a node that it needs is down"),
        "Licenses": Meaning("it waits for a licence"),
        "JobArrayTaskLimit": Meaning("as many of its sweep run at once as the cap allows"),
        "Prolog": Meaning("its nodes are being made ready (prolog)"),
        "Cleaning": Meaning("its last attempt is still being cleared away"),
        "SchedDefer": Meaning("the scheduler puts off new jobs for now"),
        "FrontEndDown": Meaning("the front end of its nodes is down"),
        "DeadLine": Meaning("it cannot end before its deadline", "submit again with a later one", True),
        "JobLaunchFailure": Meaning("Slurm could not start it", f"{_RELEASE}, or look at its node", True),
        "SystemFailure": Meaning("Slurm, its nodes or its file system failed"),
        "InactiveLimit": Meaning("it reached the limit of inactivity"),
        "TimeLimit": Meaning("it reached its time limit"),
        "NonZeroExitCode": Meaning("it ended with an error"),
        "RaisedSignal": Meaning("it was ended by a signal"),
        "OutOfMemory": Meaning("it ran out of host memory"),
        "BurstBufferResources": Meaning("it waits for room in the burst buffer"),
        "BurstBufferStageIn": Meaning("its files are being staged in"),
        "job requeued in held state": Meaning("it was queued again and held", _RELEASE, True),
        "launch failed requeued held": Meaning(
            "Slurm could not start it on its node, queued it again and holds it",
            f"look at the node it was on (sacct -D shows which), then {_RELEASE}",
            True,
        ),
        "Job's account not permitted to use this partition": Meaning(
            "the partition does not take its account", "another cluster.slurm.account", True
        ),
    }
)

# Names of which there are dozens: which limit of which owner, by the parts of the name.
_OWNERS: Mapping[str, str] = MappingProxyType({"QOS": "its QOS", "Assoc": "its account or user"})
_THINGS: Mapping[str, str] = MappingProxyType(
    {
        "CpuMinutes": "CPU minutes",
        "CPUMinutes": "CPU minutes",
        "CPURunMinutes": "CPU minutes of running jobs",
        "Cpu": "CPUs",
        "CPU": "CPUs",
        "GRES": "GPUs",
        "Memory": "memory",
        "Mem": "memory",
        "Node": "nodes",
        "Nodes": "nodes",
        "Jobs": "running jobs",
        "SubmitJobs": "waiting and running jobs",
        "Submit": "waiting and running jobs",
        "WallDuration": "time",
        "Wall": "time",
        "Billing": "billing units",
        "BB": "burst buffer",
        "License": "licences",
        "Energy": "energy",
        "Unknown": "a resource",
    }
)
_LIMIT = re.compile(
    rf"(QOS|Assoc)(Grp|Max|Min)({'|'.join(sorted(_THINGS, key=len, reverse=True))})"
    r"(?:Run)?(?:Minutes)?(?:Limit)?(PerUser|PerAccount|PerJob|PerNode)?(?:Limit)?"
)
_FREE = (
    (re.compile(r"Nodes required for job are DOWN, DRAINED or reserved.*", re.DOTALL), "ReqNodeNotAvail"),
    (re.compile(r"ReqNodeNotAvail.*", re.DOTALL), "ReqNodeNotAvail"),
)


def meaning(reason: str) -> Meaning:
    """What a reason says. One that is not in the table comes back as Slurm's own words."""
    if not reason or reason == "None":
        return Meaning("Slurm has not looked at it yet")
    if reason in REASONS:
        return REASONS[reason]
    for words, name in _FREE:
        if words.fullmatch(reason):
            _, _, nodes = reason.partition("UnavailableNodes:")
            told = REASONS[name]
            return told._replace(words=f"{told.words} ({nodes})") if nodes else told
    found = _LIMIT.fullmatch(reason)
    if found:
        return _limit(found[1], found[2], _THINGS[found[3]], found[4] or "")
    return Meaning(f"Slurm's reason: {reason}")


def _limit(owner: str, kind: str, what: str, of: str) -> Meaning:
    whose = _OWNERS[owner]
    if kind == "Min":
        return Meaning(f"it asks for less than {whose} takes ({what})", "ask for more, or another QOS", True)
    if of in ("PerJob", "PerNode") or (kind == "Max" and what == "time"):
        return Meaning(
            f"it asks for more than {whose} allows a job ({what}), so it never begins", _LESS, True
        )
    if kind == "Grp":
        return Meaning(f"all that may run under {whose} at once is running ({what})")
    many = {"PerUser": " for one user", "PerAccount": " for one account"}.get(of, "")
    return Meaning(f"the limit of {whose}{many} is reached ({what})")


ENDS: Mapping[str, Meaning] = MappingProxyType(
    {
        "TIMEOUT": Meaning(
            "it reached its time limit and was not queued again",
            "toolspec resubmit, with a longer cluster.slurm.time or a smaller checkpoint.every",
        ),
        "OUT_OF_MEMORY": Meaning(
            "a node ran out of host memory",
            "more cluster.slurm.memory, or less offload to the host (train.offload)",
        ),
        "NODE_FAIL": Meaning(
            "a node of the job failed, and Slurm did not queue it again", "toolspec resubmit"
        ),
        "BOOT_FAIL": Meaning("a node could not be booted", "toolspec resubmit, or another partition"),
        "PREEMPTED": Meaning(
            "a job of higher priority took its nodes, and Slurm did not queue it again",
            "toolspec resubmit, or a partition or QOS that is not preempted",
        ),
        "DEADLINE": Meaning("it could not end before its deadline", "submit again with a later one"),
        "REVOKED": Meaning("it was started on another cluster of the federation"),
    }
)
"""States in which a job is over, that say by themselves why."""
