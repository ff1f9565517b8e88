"""Whom a job is charged to, and what its QOS allows it: account, QOS, and their limits on a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolspec.backends.launch.slurm.asked import SECTION, Asked, Place, listed, time_text
from toolspec.backends.launch.slurm.cluster import Charge, Cluster, Partition
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem


def charged(asked: Asked, partition: Partition, cluster: Cluster, place: Place) -> Iterator[Problem]:
    """What of account and QOS the partition or Slurm does not take; where the spec says none, of those by default."""
    charges = cluster.charges or ()
    account = asked.account or next((each.account for each in charges if each.usual), None)
    mine = [
        each for each in charges if account in (None, each.account) and each.partition in ("", partition.name)
    ]
    problems = [*_account(asked, account, partition, charges, mine, place)]
    yield from problems
    if problems or not charges:
        return
    yield from _qos(asked, account, partition, mine, place)
    usual = {each.qos_usual for each in mine}
    yield from _limits(
        asked, asked.qos or (usual.pop() if len(usual) == 1 else ""), partition, cluster, place
    )


def _account(
    asked: Asked,
    account: str | None,
    partition: Partition,
    charges: Sequence[Charge],
    mine: Sequence[Charge],
    place: Place,
) -> Iterator[Problem]:
    path = f"{SECTION}.account"
    span = place(path) or place(f"{SECTION}.partition")
    own = sorted({each.account for each in charges})
    name = account if asked.account else f"{account}, your account where none is said"
    fit = [each for each in own if each not in partition.not_accounts and each != account]
    if partition.accounts:
        fit = [each for each in fit if each in partition.accounts]
    fix = f"{path}: {fit[0]}" if fit else ""
    if account and account in partition.not_accounts:
        message = f"the partition {partition.name} is closed to the account {name}"
        yield Problem("TS934", "account", message, span, path, fix=fix)
    elif account and partition.accounts and account not in partition.accounts:
        message = f"the partition {partition.name} is open to {listed(partition.accounts)}, not to {name}"
        yield Problem("TS934", "account", message, span, path, fix=fix)
    elif asked.account and charges and asked.account not in own:
        close = nearest(asked.account, own)
        message = f"you have no account `{asked.account}`"
        why = f"you have {listed(own)}"
        yield Problem("TS934", "account", message, span, path, why, close[0] if close else "")
    elif asked.account and charges and not mine:
        there = listed(sorted({each.partition for each in charges if each.account == account}))
        message = f"the account {account} is yours on the partition {there}, not on {partition.name}"
        yield Problem("TS934", "account", message, span, path)


def _qos(
    asked: Asked, account: str | None, partition: Partition, mine: Sequence[Charge], place: Place
) -> Iterator[Problem]:
    path = f"{SECTION}.qos"
    span = place(path) or place(f"{SECTION}.partition")
    known = sorted({name for each in mine for name in each.qos})
    if asked.qos and known and asked.qos not in known:
        close = nearest(asked.qos, known)
        message = f"{account or 'no account of yours'} may not use the QOS `{asked.qos}`"
        yield Problem(
            "TS935", "qos", message, span, path, f"it has {listed(known)}", close[0] if close else ""
        )
        return
    usual = {asked.qos} if asked.qos else {each.qos_usual for each in mine}
    if not partition.qos or not usual or "" in usual or usual & set(partition.qos):
        return
    said = asked.qos or f"{listed(sorted(filter(None, usual)))}, which a job has that says none"
    fit = [name for name in partition.qos if name in known]
    message = f"the partition {partition.name} takes the QOS {listed(partition.qos)}, not {said}"
    why = "Slurm accepts such a job and never runs it"
    yield Problem("TS935", "qos", message, span, path, why, f"{path}: {fit[0]}" if fit else "")


def _limits(
    asked: Asked, qos: str, partition: Partition, cluster: Cluster, place: Place
) -> Iterator[Problem]:
    """A job over what a QOS gives one: Slurm accepts it and never runs it, unless the QOS has DenyOnLimit.

    Of the partition's own QOS and the job's the first that says a limit counts.
    """
    order = [name for name in (partition.own_qos, qos) if name in cluster.limits]
    if qos in cluster.limits and cluster.limits[qos].over_partition:
        order.reverse()

    def most(what: str) -> tuple[str, int] | None:
        said = ((name, getattr(cluster.limits[name], what)) for name in order)
        return next(((name, value) for name, value in said if value is not None), None)

    gpus = asked.nodes * asked.gpus
    for what, wanted, path, code, name, reason in (
        ("time", asked.time, f"{SECTION}.time", "TS933", "time-limit", "QOSMaxWallDurationPerJobLimit"),
        ("gpus", gpus, "cluster.gpus", "TS936", "too-many-nodes", "QOSMaxGRESPerJob"),
        ("nodes", asked.nodes, "cluster.nodes", "TS936", "too-many-nodes", "QOSMaxNodePerJobLimit"),
    ):
        limit = most(what)
        if limit is None or wanted is None or wanted <= limit[1]:
            continue
        by, value = limit
        shown, allowed = (
            (time_text(wanted), time_text(value)) if what == "time" else (f"{wanted}", f"{value}")
        )
        unit = "" if what == "time" else " GPUs" if what == "gpus" else " nodes"
        message = f"{shown}{unit} are over the {allowed} that the QOS {by} gives one job"
        why = f"Slurm would refuse the job, or accept it and never run it ({reason})"
        fix = f"{path}: {allowed}" if what != "gpus" else f"{allowed} GPUs in all, or another {SECTION}.qos"
        yield Problem(code, name, message, place(path) or place(SECTION), path, why, fix)
