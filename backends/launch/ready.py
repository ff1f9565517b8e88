"""Whether a run can begin: secrets, disk, the file system of its folder, the job's environment, and the cluster."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.launch.environment import disks, gpus_here, job_environment
from toolspec.backends.launch.slurm.asked import Asked, time_text
from toolspec.backends.launch.slurm.cluster import Cluster, ask_cluster, here
from toolspec.backends.launch.slurm.preflight import most_cores, preflight, share
from toolspec.backends.launch.slurm.variables import defaults
from toolspec.backends.verl.doctor.gather import file_system
from toolspec.backends.verl.doctor.needs import Needs
from toolspec.backends.verl.doctor.storage import LOCAL
from toolspec.backends.verl.emit.job_files import NONE, options
from toolspec.compiler.plan.decision import Plan
from toolspec.specs.problem import Problem, ProblemError, Span

CORES_WITH_A_GPU = 3
CORES_OF_A_QUEUE = 9
"""8 storage units and a controller: verl does not pin the package, so that it is a warning."""
OTHERWISE = {
    "cpus-per-task": frozenset({"cpus-per-gpu"}),
    "mem": frozenset({"mem-per-cpu", "mem-per-gpu"}),
}
"""Options by which the spec says the same in another way; sbatch refuses both together."""
Place = Callable[[str], Span | None]


class Ready(NamedTuple):
    """options: of sbatch, with the share of a node's cores and memory. cluster: None for a local run."""

    options: Mapping[str, str | int | bool]
    problems: tuple[Problem, ...]
    cluster: Cluster | None
    summary: str


def ready_here(plan: Plan, needs: Needs, place: Place, runs: Path) -> Ready:
    """For a run on this machine."""
    found = [
        *secrets(plan, place),
        *job_environment(plan, needs, place, here=True),
        *gpus_here(needs, place),
        *disks(needs, runs, place),
    ]
    if plan["cluster.nodes"] > 1:
        message = f"{plan['cluster.nodes']} nodes, and --local runs on this machine alone"
        path = "cluster.nodes"
        found.append(
            Problem(
                "TS948", "several-nodes", message, place(path), path, fix="--slurm, or --set cluster.nodes=1"
            )
        )
    return Ready({}, tuple(found), None, "this machine")


def ready_for_slurm(
    plan: Plan, needs: Needs, place: Place, runs: Path, nothing_is_sent: bool = False
) -> Ready:
    """Everything that can be known before a node is held. nothing_is_sent: a dry run, which goes without Slurm.

    Raises ProblemError where there is no Slurm here.
    """
    if not here():
        if nothing_is_sent:
            note = Problem(
                "TS942", "no-slurm", "no Slurm here: the cluster was not looked at", severity="note"
            )
            return Ready({**defaults(os.environ), **options(plan)}, (note,), None, "not looked at")
        message = "there is no Slurm on this machine: sbatch, scontrol and sinfo are not on the path"
        fix = "submit from a login node, or run it here: --local"
        raise ProblemError((Problem("TS942", "no-slurm", message, fix=fix),))
    asked = asked_of(plan)
    with ThreadPoolExecutor(2) as pool:
        environment = pool.submit(lambda: (*job_environment(plan, needs, place), *disks(needs, runs, place)))
        cluster = ask_cluster()
        found = [*preflight(asked, cluster, place), *secrets(plan, place), *shared(runs, cluster)]
        found += environment.result()
    found += [*notice(plan, place), *other_gpus(plan, place)]
    said = {**defaults(os.environ), **options(plan)}
    nodes = cluster.nodes_of(asked.partition)
    for name, value in share(asked, nodes, cluster.named(asked.partition)).items():
        if not said.keys() & OTHERWISE[name]:
            said.setdefault(name, f"{value}M" if name == "mem" and value else value)
    most = most_cores(asked, cluster)
    found += cores(plan, said.get("cpus-per-task"), place, most)
    return Ready(dict(sorted(said.items())), tuple(found), cluster, _summary(asked, cluster))


def largest_array(found: Iterable[Ready]) -> int | None:
    """Tasks of the cluster's largest array; None where no cluster was looked at, or it did not say."""
    return next((each.cluster.array_size for each in found if each.cluster is not None), None)


def asked_of(plan: Plan) -> Asked:
    def told(name: str) -> Any:
        path = f"cluster.slurm.{name}"
        return plan[path] if path in plan and plan[path] != NONE else None

    seconds = plan["cluster.time_seconds"]
    memory = told("memory")
    extra = told("extra") or {}
    usual = defaults(os.environ)
    typed = re.fullmatch(r"(\w[^:]*):\d+", str(extra.get("gpus-per-node", "")))
    return Asked(
        told("partition") or usual.get("partition"),
        told("account") or usual.get("account"),
        told("qos") or usual.get("qos"),
        -(-seconds // 60) if seconds else None,
        plan["cluster.nodes"],
        plan["cluster.gpus"],
        None if plan["cluster.gpu"] == "unknown" else plan["cluster.gpu"],
        told("constraint") or usual.get("constraint"),
        told("cpus"),
        memory if isinstance(memory, int) else None,
        typed[1] if typed else "",
    )


def _summary(asked: Asked, cluster: Cluster) -> str:
    """The cluster in a line: `gpu: 8 nodes × 8 GPUs, 5 idle, limit 1d`."""
    partition = cluster.partition(asked.partition)
    if partition is None:
        return "not looked at"
    nodes = cluster.nodes_of(partition.name)
    idle = sum(node.state.startswith("idle") for node in nodes)
    each = sorted({node.gpu_count for node in nodes})
    many = f"{each[0]}" if len(each) == 1 else f"{each[0]} to {each[-1]}" if each else "?"
    longest = partition.longest
    limit = "no limit" if longest is None else f"limit {longest // 60} h"
    if longest is not None and longest % 60:
        limit = f"limit {time_text(longest)}"
    return f"{partition.name}: {len(nodes)} nodes × {many} GPUs, {idle} idle, {limit}"


def secrets(plan: Plan, place: Place) -> Iterator[Problem]:
    """Variables that the spec passes on: they reach the job from here, and are written nowhere."""
    path = "env"
    for name in plan["env.passed_on"]:
        if not os.environ.get(name):
            message = f"{name} is not set here, and the spec passes it on"
            why = "launch.sh would end the job at once on each node"
            yield Problem(
                "TS943",
                "secret-missing",
                message,
                place(f"{path}.{name}") or place(path),
                path,
                why,
                f"export {name}=…",
            )
    export = os.environ.get("SBATCH_EXPORT")
    told = plan["cluster.slurm.extra"].get("export") if "cluster.slurm.extra" in plan else None
    kept = told if told is not None else export
    if plan["env.passed_on"] and kept is not None and "ALL" not in str(kept).split(","):
        lacking = [name for name in plan["env.passed_on"] if name not in str(kept).split(",")]
        if lacking:
            where = "cluster.slurm.extra.export" if told is not None else "SBATCH_EXPORT"
            message = f"{where} is {kept}: {', '.join(lacking)} would not reach the job"
            yield Problem(
                "TS943",
                "secret-missing",
                message,
                place("cluster.slurm.extra"),
                path,
                fix=f"add it: {kept},{lacking[0]}",
            )


def shared(runs: Path, cluster: Cluster) -> Iterator[Problem]:
    """A run's folder on this machine's own disk is not there on the nodes, unless this machine is one of them."""
    kind = file_system(runs)
    names = {socket.gethostname(), socket.gethostname().partition(".")[0]}
    if kind in LOCAL and cluster.nodes and not names & {node.name for node in cluster.nodes}:
        message = f"runs lie in {runs}, on a disk of this machine ({kind}): do the nodes see it?"
        why = "a job that does not find its bundle ends at once"
        fix = "TOOLSPEC_RUNS=FOLDER on a file system that the nodes share"
        yield Problem("TS944", "own-disk", message, None, "", why, fix, "warning")


def cores(plan: Plan, a_node: object, place: Place, most: int | None = None) -> Iterator[Problem]:
    """Fewer cores than verl reserves of Ray: with them the job holds its nodes, and never begins.

    most: cores of a node that can be asked for, None for unknown.

    The sources are in the docstring of lint's rule of that code, which reads the same of `ray_init.num_cpus`.
    """
    if not isinstance(a_node, int):
        return
    nodes, gpus = plan["cluster.nodes"], plan["cluster.world_size"]
    newer = plan["train.trainer"] == "v1"
    own = CORES_WITH_A_GPU * gpus + (0 if newer else 1)
    needed = own + (CORES_OF_A_QUEUE if newer else 0)
    if a_node * nodes >= needed:
        return
    path = "cluster.slurm.cpus"
    rest = f"{CORES_OF_A_QUEUE} for the V1 trainer's queue" if newer else "1 for the task runner"
    message = f"{nodes} × {a_node} cores, and verl reserves {needed}: {CORES_WITH_A_GPU} × {gpus} with the GPUs, {rest}"
    why = "Ray waits for cores that it does not have, and the job hangs while it starts"
    fix = f"{path}: {-(-needed // nodes)}"
    if most is not None and most * nodes < needed:
        least = CORES_WITH_A_GPU * gpus + 1
        enough = newer and least <= most * nodes
        fix = f"train.trainer: v0, which reserves {least}, or " if enough else ""
        fix += f"fewer GPUs: a job gets at most {most} cores of a node there"
    yield Problem(
        "TS912",
        "too-few-cpus",
        message,
        place(path) or place("cluster.slurm"),
        path,
        why,
        fix,
        "error" if a_node * nodes < own else "warning",
    )


def other_gpus(plan: Plan, place: Place) -> Iterator[Problem]:
    """`gpus-per-node` of `extra`, by which a type is asked for, with another number than verl is told."""
    path = "cluster.slurm.extra"
    if path not in plan:
        return
    asked = str(plan[path].get("gpus-per-node", plan["cluster.gpus"])).rpartition(":")[2]
    if asked != str(plan["cluster.gpus"]):
        message = f"gpus-per-node asks for {asked} GPUs a node, and cluster.gpus is {plan['cluster.gpus']}"
        why = "the job would wait for GPUs that it does not have, or leave some idle"
        yield Problem("TS936", "too-many-nodes", message, place(path), path, why, "the same number in both")


def notice(plan: Plan, place: Place) -> Iterator[Problem]:
    """What a restart would begin from."""
    seconds = plan["cluster.time_seconds"]
    every = plan["checkpoint.every"]
    restarts = 0
    if "cluster.slurm.restarts" in plan:
        restarts = plan["cluster.slurm.restarts"]
    if "cluster.slurm.notice" in plan and seconds and plan["cluster.slurm.notice"] >= seconds:
        path = "cluster.slurm.notice"
        message = f"a notice {plan[path]} s before the time limit of {seconds} s would come at the beginning"
        yield Problem(
            "TS945",
            "notice",
            message,
            place(path) or place("cluster.slurm.time"),
            path,
            fix=f"{path}: {max(1, seconds // 10)}s",
        )
    if restarts and seconds and every == "never":
        message = (
            "no checkpoint is saved: after its time limit, or a lost node, the run begins from its first step"
        )
        path = "checkpoint.every"
        yield Problem(
            "TS946",
            "checkpoints-rare",
            message,
            place(path),
            path,
            severity="warning",
            fix="checkpoint.every: 50, say, or cluster.slurm.restarts: 0",
        )
    if restarts and plan["checkpoint.resume"] == "never" and every != "never":
        message = "checkpoint.resume is never: each restart begins from the first step"
        yield Problem(
            "TS946",
            "checkpoints-rare",
            message,
            place("checkpoint.resume"),
            "checkpoint.resume",
            severity="warning",
            fix="checkpoint.resume: auto",
        )
