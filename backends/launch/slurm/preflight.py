"""What of a job the cluster would refuse, or take and never run. Pure: options and the cluster → problems.

Slurm itself judges few of them at submit: with EnforcePartLimits=NO, its default, a job over the partition's time limit
or in a partition that is down is accepted, and waits for ever (22.05; `sbatch --test-only` says nothing either).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from toolspec.backends.launch.slurm.asked import SECTION, Asked, Place, listed, time_text
from toolspec.backends.launch.slurm.charge import charged
from toolspec.backends.launch.slurm.cluster import Cluster, Node, Partition
from toolspec.backends.launch.slurm.words import fix_of
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem


def preflight(asked: Asked, cluster: Cluster, place: Place) -> tuple[Problem, ...]:
    """Errors of what can never run, warnings of what may not be meant. place: spec path → where it is written.

    Of several partitions one that takes the job is enough.
    """
    if "controller" in cluster.silent:
        # `scontrol ping` says DOWN of a controller that refuses it, and no more.
        words = (cluster.silent["controller"], *cluster.silent.values())
        why = next((each for each in words if fix_of(each)), "; ".join(dict.fromkeys(words)))
        fix = fix_of(why) or "try again, or ask who runs the cluster"
        return (Problem("TS931", "slurm-down", f"Slurm's controller does not answer: {why}", fix=fix),)
    notes = tuple(
        Problem("TS939", "not-asked", f"{what} could not be asked: {why}", severity="note")
        for what, why in cluster.silent.items()
        if what != "qos" or "accounts" not in cluster.silent
    )
    if missing := tuple(_no_partition(asked, cluster, place)):
        return missing
    judged = [tuple(_judged(asked, each, cluster, place)) for each in cluster.named(asked.partition)]
    taken = [found for found in judged if all(one.severity != "error" for one in found)]
    return (*next(iter(taken or judged), ()), *notes)


def _judged(asked: Asked, partition: Partition, cluster: Cluster, place: Place) -> Iterator[Problem]:
    yield from _partition(asked, partition, place)
    yield from charged(asked, partition, cluster, place)
    yield from _size(asked, partition, cluster, place)


def _no_partition(asked: Asked, cluster: Cluster, place: Place) -> Iterator[Problem]:
    if not cluster.partitions:
        return
    names = [each.name for each in cluster.partitions]
    path = f"{SECTION}.partition"
    span = place(path) or place(SECTION) or place("cluster")
    if asked.partition is None and not cluster.named(None):
        message = "the cluster has no default partition, and the spec names none"
        yield Problem("TS932", "partition", message, span, path, fix=f"partition: one of {listed(names)}")
    for name in asked.partition.split(",") if asked.partition is not None else ():
        if name not in names:
            close = nearest(name, names)
            message = f"the cluster has no partition `{name}`"
            why = f"it has {listed(names)}"
            yield Problem("TS932", "partition", message, span, path, why, close[0] if close else "")


def _partition(asked: Asked, partition: Partition, place: Place) -> Iterator[Problem]:
    path = f"{SECTION}.partition"
    if partition.state != "UP":
        message = f"the partition {partition.name} is {partition.state}: the job would be accepted and wait"
        severity = "error" if partition.state in ("DOWN", "INACTIVE") else "warning"
        yield Problem("TS932", "partition", message, place(path), path, severity=severity)  # type: ignore[arg-type]
    path = f"{SECTION}.time"
    span = place(path) or place(SECTION)
    if asked.time is None:
        if partition.usual is not None:
            message = f"no time limit is said: {partition.name} gives {time_text(partition.usual)}"
            yield Problem(
                "TS933", "time-limit", message, span, path, fix=f"{path}: 12h, say", severity="warning"
            )
    elif partition.longest is not None and asked.time > partition.longest:
        yield Problem(
            "TS933",
            "time-limit",
            f"{time_text(asked.time)} is over the {time_text(partition.longest)} that {partition.name} allows",
            span,
            path,
            "Slurm accepts such a job and never runs it (PartitionTimeLimit)",
            f"{path}: {time_text(partition.longest)}; the run goes on by itself after each limit",
        )


def _size(asked: Asked, partition: Partition, cluster: Cluster, place: Place) -> Iterator[Problem]:
    nodes = [node for node in cluster.nodes if node.partition == partition.name]
    if not nodes:
        return
    yield from _features(asked, partition, nodes, place)
    fitting = fitting_nodes(asked, nodes)
    yield from _share(asked, partition, place)
    if asked.nodes < partition.least_nodes:
        message = f"{partition.name} gives a job {partition.least_nodes} nodes or more, not {asked.nodes}"
        why = "Slurm accepts such a job and never runs it (PartitionNodeLimit)"
        fix = f"cluster.nodes: {partition.least_nodes}"
        yield Problem("TS936", "too-many-nodes", message, place("cluster.nodes"), "cluster.nodes", why, fix)
    elif partition.most_nodes is not None and asked.nodes > partition.most_nodes:
        message = (
            f"{asked.nodes} nodes are over the {partition.most_nodes} that {partition.name} gives one job"
        )
        yield Problem("TS936", "too-many-nodes", message, place("cluster.nodes"), "cluster.nodes")
    elif len(fitting) < asked.nodes:
        most = max(node.gpu_count for node in nodes)
        path = "cluster.gpus" if most < asked.gpus else "cluster.nodes"
        has = ", ".join(f"{number} with {count}" for count, number in _counts(nodes))
        yield Problem(
            "TS936",
            "too-many-nodes",
            f"{asked.nodes} × {asked.gpus} GPUs{_and(asked)} are asked for; of {partition.name}'s "
            f"{len(nodes)} nodes {len(fitting)} have that (GPUs: {has})",
            place(path) or place("cluster"),
            path,
            "Slurm would refuse the job, or accept it and never run it",
            f"cluster.gpus: {most}"
            if 0 < most < asked.gpus
            else f"cluster.nodes: {len(fitting)}"
            if fitting
            else "",
        )
    elif sum(node.usable for node in fitting) < asked.nodes:
        up = sum(node.usable for node in fitting)
        states = ", ".join(sorted({node.state for node in fitting if not node.usable}))
        message = f"{up} of the {len(fitting)} nodes with {asked.gpus} GPUs are in service ({states}): it would wait"
        yield Problem(
            "TS936", "too-many-nodes", message, place("cluster.nodes"), "cluster.nodes", severity="warning"
        )
    yield from _type(asked, fitting, place)


def _share(asked: Asked, partition: Partition, place: Place) -> Iterator[Problem]:
    """More of one node than the partition gives a job."""
    for name, unit, wanted, most in (
        ("cpus", "CPU cores", asked.cpus, partition.cpus_a_node),
        ("memory", "MB", asked.memory, partition.memory_a_node),
    ):
        if wanted is not None and most is not None and wanted > most:
            path = f"{SECTION}.{name}"
            message = f"{wanted} {unit} of a node are over the {most} that {partition.name} gives a job"
            why = "Slurm would refuse the job, or accept it and never run it"
            fix = f"{path}: {most}{'MB' if name == 'memory' else ''}"
            yield Problem("TS936", "too-many-nodes", message, place(path), path, why, fix)


def _and(asked: Asked) -> str:
    parts = [f"{asked.cpus} CPUs"] if asked.cpus else []
    parts += [f"{asked.memory / 1024:.4g} GB"] if asked.memory else []
    return "".join(f", {part}" for part in parts)


def fitting_nodes(asked: Asked, nodes: Sequence[Node]) -> list[Node]:
    """Those that have what one node is asked for, in service or not."""
    wanted = _plain_features(asked.constraint)
    return [
        node
        for node in nodes
        if (node.gpus.get(asked.kind, 0) if asked.kind else node.gpu_count) >= asked.gpus
        and node.cpus >= (asked.cpus or 0)
        and node.memory >= (asked.memory or 0)
        and (wanted is None or wanted <= node.features)
    ]


def _plain_features(constraint: str | None) -> frozenset[str] | None:
    """The features that all must be there; None for an expression that says more than `a&b`."""
    if not constraint:
        return frozenset()
    parts = re.split(r"[&,]", constraint)
    return frozenset(parts) if all(re.fullmatch(r"[\w.\-]+", part) for part in parts) else None


def _features(asked: Asked, partition: Partition, nodes: Sequence[Node], place: Place) -> Iterator[Problem]:
    known = sorted({name for node in nodes for name in node.features})
    path = f"{SECTION}.constraint"
    for name in re.findall(r"[\w.\-]*[A-Za-z][\w.\-]*", asked.constraint or ""):
        if name not in known:
            close = nearest(name, known)
            message = f"no node of {partition.name} has the feature `{name}`"
            why = f"they have {listed(known)}" if known else "none of them has any"
            yield Problem("TS937", "feature", message, place(path), path, why, close[0] if close else "")


def _type(asked: Asked, nodes: Sequence[Node], place: Place) -> Iterator[Problem]:
    """The spec says which GPU its memory was reckoned with; a partition may have others."""
    types = sorted({kind for node in nodes for kind in node.gpus if kind})
    if not asked.gpu or not types:
        return
    model = asked.gpu.partition("-")[0].lower()
    meant = [kind for kind in types if model in kind.lower()]
    other = [node for node in nodes if not any(kind in meant for kind in node.gpus)]
    if not other:
        return
    message = f"the spec is for {asked.gpu}, and "
    if meant:
        have = listed(
            sorted({kind for node in other for kind in node.gpus if kind}) or ["GPUs without a type"]
        )
        message += f"{len(other)} of the {len(nodes)} nodes that fit have {have}: the job may get those"
        fix = f"{SECTION}.extra: {{gpus-per-node: '{meant[0]}:{asked.gpus}'}}"
    else:
        message += f"the nodes that fit have {listed(types)}"
        fix = ""
    why = "what was checked of memory does not hold there"
    yield Problem(
        "TS938", "gpu-type", message, place("cluster.gpu"), "cluster.gpu", why, fix, severity="warning"
    )


def _counts(nodes: Sequence[Node]) -> list[tuple[int, int]]:
    counts: dict[int, int] = {}
    for node in nodes:
        counts[node.gpu_count] = counts.get(node.gpu_count, 0) + 1
    return sorted(counts.items())


def most_cores(asked: Asked, cluster: Cluster) -> int | None:
    """Cores of one node that a job can have on any of its partitions; None where no node that fits is known."""
    found = [
        min(node.cpus, each.cpus_a_node or node.cpus)
        for each in cluster.named(asked.partition)
        for node in fitting_nodes(asked, cluster.nodes_of(each.name))
    ]
    return max(found, default=None)


def share(asked: Asked, nodes: Sequence[Node], partitions: Sequence[Partition] = ()) -> Mapping[str, int]:
    """CPU cores and MiB of memory that go with the GPUs, of the smallest node that fits: {} where that is not known.

    Slurm's own default is one core a task, on which Ray starts no worker beyond the first. Of a whole node memory is 0,
    which is all of it, unless a partition gives a job less of it.
    """
    fitting = [node for node in fitting_nodes(asked, nodes) if node.gpu_count]
    if not fitting:
        return {}
    said: dict[str, int] = {}
    cores = asked.cpus
    if cores is None:
        most = [each.cpus_a_node for each in partitions if each.cpus_a_node]
        cores = max(1, min([*most, *(node.cpus * asked.gpus // node.gpu_count for node in fitting)]))
        said["cpus-per-task"] = cores
    if asked.memory is None:
        most = [each.memory_a_node for each in partitions if each.memory_a_node]
        most += [each.memory_a_cpu * cores for each in partitions if each.memory_a_cpu]
        whole = all(node.gpu_count == asked.gpus for node in fitting)
        # A node reports some memory more than it gives where the system keeps a part (MemSpecLimit).
        least = min(node.memory * asked.gpus // node.gpu_count for node in fitting)
        limited = bool(most) and min(most) < max(node.memory for node in fitting)
        said["mem"] = 0 if whole and not limited else min([*most, int(least * 0.95)])
    return said
