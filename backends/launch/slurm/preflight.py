"""What of a job the cluster would refuse, or take and never run. Pure: options and the cluster → problems.

Slurm itself judges few of them at submit: with EnforcePartLimits=NO, its default, a job over the partition's time limit
or in a partition that is down is accepted, and waits for ever (22.05; `sbatch --test-only` says nothing either).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from toolspec.backends.launch.slurm.cluster import Cluster, Node, Partition
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, Span

SECTION = "cluster.slurm"
Place = Callable[[str], Span | None]
_SHOWN = 6


class Asked(NamedTuple):
    """What the job wants. time: minutes. gpu: the spec's own word for the type, as `h100-80gb`."""

    partition: str | None
    account: str | None
    qos: str | None
    time: int | None
    nodes: int
    gpus: int
    gpu: str | None
    constraint: str | None
    cpus: int | None
    memory: int | None


def preflight(asked: Asked, cluster: Cluster, place: Place) -> tuple[Problem, ...]:
    """Errors of what can never run, warnings of what may not be meant. place: spec path → where it is written."""
    if "controller" in cluster.silent:
        message = f"Slurm's controller does not answer: {cluster.silent['controller']}"
        return (Problem("TS931", "slurm-down", message, fix="try again, or ask who runs the cluster"),)
    partition = cluster.partition(asked.partition)
    if partition is None:
        return tuple(_no_partition(asked, cluster, place))
    found = [
        *_partition(asked, partition, place),
        *_charge(asked, partition, cluster, place),
        *_size(asked, partition, cluster, place),
    ]
    found += [
        Problem("TS939", "not-asked", f"{what} could not be asked: {why}", severity="note")
        for what, why in cluster.silent.items()
        if what in ("nodes", "accounts", "partitions")
    ]
    return tuple(found)


def _no_partition(asked: Asked, cluster: Cluster, place: Place) -> Iterator[Problem]:
    if not cluster.partitions:
        return
    names = [each.name for each in cluster.partitions]
    path = f"{SECTION}.partition"
    span = place(path) or place(SECTION) or place("cluster")
    if asked.partition is None:
        message = "the cluster has no default partition, and the spec names none"
        yield Problem("TS932", "partition", message, span, path, fix=f"partition: one of {_listed(names)}")
        return
    close = nearest(asked.partition, names)
    message = f"the cluster has no partition `{asked.partition}`"
    yield Problem(
        "TS932", "partition", message, span, path, f"it has {_listed(names)}", close[0] if close else ""
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


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


def time_text(minutes: int) -> str:
    """Minutes as the language writes them: 1440 → `1d`."""
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def _charge(asked: Asked, partition: Partition, cluster: Cluster, place: Place) -> Iterator[Problem]:
    path = f"{SECTION}.account"
    span = place(path) or place(f"{SECTION}.partition")
    if asked.account and asked.account in partition.not_accounts:
        message = f"the partition {partition.name} is closed to the account {asked.account}"
        yield Problem("TS934", "account", message, span, path)
    elif asked.account and partition.accounts and asked.account not in partition.accounts:
        message = (
            f"the partition {partition.name} is open to {_listed(partition.accounts)}, not to {asked.account}"
        )
        yield Problem("TS934", "account", message, span, path)
    if not cluster.charges:
        return
    own = sorted({each.account for each in cluster.charges})
    if asked.account and asked.account not in own:
        close = nearest(asked.account, own)
        message = f"you have no account `{asked.account}`"
        yield Problem(
            "TS934", "account", message, span, path, f"you have {_listed(own)}", close[0] if close else ""
        )
        return
    path = f"{SECTION}.qos"
    known = {name for each in cluster.charges if asked.account in (None, each.account) for name in each.qos}
    if asked.qos and known and asked.qos not in known:
        close = nearest(asked.qos, sorted(known))
        message = f"{asked.account or 'no account of yours'} may not use the QOS `{asked.qos}`"
        why = f"it has {_listed(sorted(known))}"
        yield Problem("TS935", "qos", message, place(path), path, why, close[0] if close else "")
    elif asked.qos and partition.qos and asked.qos not in partition.qos:
        message = f"the partition {partition.name} takes the QOS {_listed(partition.qos)}, not {asked.qos}"
        yield Problem("TS935", "qos", message, place(path), path)


def _size(asked: Asked, partition: Partition, cluster: Cluster, place: Place) -> Iterator[Problem]:
    nodes = [node for node in cluster.nodes if node.partition == partition.name]
    if not nodes:
        return
    yield from _features(asked, partition, nodes, place)
    fitting = fitting_nodes(asked, nodes)
    if partition.most_nodes is not None and asked.nodes > partition.most_nodes:
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
        if node.gpu_count >= asked.gpus
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
            why = f"they have {_listed(known)}" if known else "none of them has any"
            yield Problem("TS937", "feature", message, place(path), path, why, close[0] if close else "")


def _type(asked: Asked, nodes: Sequence[Node], place: Place) -> Iterator[Problem]:
    """The spec says which GPU its memory was reckoned with; a partition may have others."""
    types = sorted({kind for node in nodes for kind in node.gpus if kind})
    if not asked.gpu or not types:
        return
    model = asked.gpu.partition("-")[0].lower()
    if not any(model in kind.lower() for kind in types):
        message = f"the spec is for {asked.gpu}, and the nodes that fit have {_listed(types)}"
        why = "what was checked of memory does not hold there"
        yield Problem(
            "TS938", "gpu-type", message, place("cluster.gpu"), "cluster.gpu", why, severity="warning"
        )


def _counts(nodes: Sequence[Node]) -> list[tuple[int, int]]:
    counts: dict[int, int] = {}
    for node in nodes:
        counts[node.gpu_count] = counts.get(node.gpu_count, 0) + 1
    return sorted(counts.items())


def share(asked: Asked, nodes: Sequence[Node]) -> Mapping[str, int]:
    """CPU cores and MiB of memory that go with the GPUs, of the smallest node that fits: {} where that is not known.

    Slurm's own default is one core a task, on which Ray starts no worker beyond the first. Of a whole node memory is 0,
    which is all of it.
    """
    fitting = [node for node in fitting_nodes(asked, nodes) if node.gpu_count]
    if not fitting:
        return {}
    said: dict[str, int] = {}
    if asked.cpus is None:
        said["cpus-per-task"] = max(1, min(node.cpus * asked.gpus // node.gpu_count for node in fitting))
    if asked.memory is None:
        whole = all(node.gpu_count == asked.gpus for node in fitting)
        # A node reports some memory more than it gives where the system keeps a part (MemSpecLimit).
        least = min(node.memory * asked.gpus // node.gpu_count for node in fitting)
        said["mem"] = 0 if whole else int(least * 0.95)
    return said
