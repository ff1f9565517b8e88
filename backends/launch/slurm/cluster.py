"""What the cluster is, as Slurm says it: partitions, nodes, what the user may charge. All asked at once, in limits."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from toolspec.backends.launch.process import user
from toolspec.backends.launch.slurm.ask import Silent, call

T = TypeVar("T")
SECONDS = 10.0
DAY = 24 * 60


class Partition(NamedTuple):
    """longest, usual: minutes of MaxTime and DefaultTime, None for no limit and none said.

    accounts, not_accounts, qos: who may use it; () for everyone, for nobody barred. cpus_a_node, memory_a_node,
    memory_a_cpu: MaxCPUsPerNode, MaxMemPerNode and MaxMemPerCPU (MiB). own_qos: the QOS whose limits it has, or "".
    """

    name: str
    state: str
    default: bool
    longest: int | None
    usual: int | None
    most_nodes: int | None
    accounts: tuple[str, ...]
    not_accounts: tuple[str, ...]
    qos: tuple[str, ...]
    least_nodes: int = 0
    cpus_a_node: int | None = None
    memory_a_node: int | None = None
    memory_a_cpu: int | None = None
    own_qos: str = ""


class Node(NamedTuple):
    """gpus: type → number; the type is "" where Slurm names none. memory: MiB. state: as sinfo's StateLong."""

    name: str
    partition: str
    state: str
    cpus: int
    memory: int
    gpus: Mapping[str, int]
    features: frozenset[str]

    @property
    def gpu_count(self) -> int:
        return sum(self.gpus.values())

    @property
    def usable(self) -> bool:
        """Whether it takes jobs, now or once it is free."""
        return re.match(r"idle|mixed|allocated|completing|reserved|planned|powe", self.state) is not None


class Charge(NamedTuple):
    """An association of the user's: what may be charged, on which partition ("" for all), under which QOS.

    usual: whether its account is charged where none is said. qos_usual: of a job that says none, "" for unknown.
    """

    account: str
    partition: str
    qos: frozenset[str]
    usual: bool = False
    qos_usual: str = ""


class Limit(NamedTuple):
    """A job's most under a QOS. time: minutes. None: no limit. over_partition: before those of the partition's QOS."""

    time: int | None
    gpus: int | None
    nodes: int | None
    over_partition: bool = False


class Cluster(NamedTuple):
    """silent: what could not be asked → why. charges: None where there is no accounting, or it was silent.

    limits: by QOS, {} where they are not enforced. array_size: tasks of the largest array, None for unknown.
    """

    partitions: tuple[Partition, ...]
    nodes: tuple[Node, ...]
    charges: tuple[Charge, ...] | None
    silent: Mapping[str, str]
    limits: Mapping[str, Limit] = MappingProxyType({})
    array_size: int | None = None

    def partition(self, name: str | None) -> Partition | None:
        """The first of those that `name` lists, `gpu,urgent`; the default one for None."""
        return next(iter(self.named(name)), None)

    def named(self, names: str | None) -> tuple[Partition, ...]:
        """All that `names` lists and that there are, in its order: Slurm takes the one where the job begins first."""
        if names is None:
            return tuple(each for each in self.partitions if each.default)[:1]
        there = {each.name: each for each in self.partitions}
        return tuple(there[name] for name in names.split(",") if name in there)

    def nodes_of(self, names: str | None) -> tuple[Node, ...]:
        wanted = {each.name for each in self.named(names)}
        return tuple(node for node in self.nodes if node.partition in wanted)


def ask_cluster(limit: float = SECONDS) -> Cluster:
    """In at most `limit` seconds. Never raises."""
    silent: dict[str, str] = {}

    def said(what: str, command: list[str], read: Callable[[str], T], otherwise: T) -> T:
        try:
            return read(call(command, limit))
        except Silent as why:
            silent[what] = str(why)
            return otherwise

    form = ",".join(
        f"{name}:|" for name in ("NodeHost", "Partition", "StateLong", "CPUs", "Memory", "Gres", "Features")
    )
    with ThreadPoolExecutor(6) as pool:
        up = pool.submit(said, "controller", ["scontrol", "ping"], read_ping, "")
        partitions = pool.submit(
            said, "partitions", ["scontrol", "show", "-a", "partition", "-o"], read_partitions, ()
        )
        nodes = pool.submit(said, "nodes", ["sinfo", "-h", "-a", "-N", "-O", form], read_nodes, ())
        listed = ["sacctmgr", "-nP", "show", "user", user(), "withassoc", f"format={','.join(_CHARGE)}"]
        charges = pool.submit(said, "accounts", listed, read_charges, None)
        qos = pool.submit(said, "qos", ["sacctmgr", "-nP", "show", "qos", _LIMITS], read_limits, {})
        settings = pool.submit(said, "settings", ["scontrol", "show", "config"], read_settings, {})
        if down := up.result():
            silent["controller"] = down
        if not partitions.result():
            silent.setdefault("partitions", "scontrol named none")
        told = settings.result()
        limited = {"limits", "all"} & set(told.get("AccountingStorageEnforce", "").lower().split(","))
        own = told.get("ClusterName", "")
        charged = charges.result()
        return Cluster(
            partitions.result(),
            nodes.result(),
            None if charged is None else tuple(each for at, each in charged if own in ("", at)),
            silent,
            qos.result() if limited else {},
            whole(told.get("MaxArraySize", "")),
        )


_CHARGE = ("cluster", "defaultaccount", "account", "partition", "qos", "defaultqos")
_LIMITS = "format=name,maxwall,maxtres,flags"


def read_settings(text: str) -> Mapping[str, str]:
    """`Name = value` of scontrol show config."""
    rows = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in rows}


def read_limits(text: str) -> Mapping[str, Limit]:
    """`small|1-00:00:00|gres/gpu=8,node=2|DenyOnLimit` of sacctmgr show qos."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition("|")
        wall, most, flags = (*rest.split("|"), "", "")[:3]
        tres = dict(each.split("=", 1) for each in most.split(",") if "=" in each)
        found[name] = Limit(
            minutes(wall),
            whole(tres.get("gres/gpu", "")),
            whole(tres.get("node", "")),
            "OverPartQOS" in flags,
        )
    return found


def whole(text: str) -> int | None:
    """A number in plain digits; None for UNLIMITED and the like."""
    return int(text) if re.fullmatch(r"\d{1,12}", text, re.ASCII) else None


def read_ping(text: str) -> str:
    """Why no controller answers, or ""."""
    return (
        ""
        if re.search(r"is UP\b", text)
        else (text.strip().splitlines() or ["scontrol ping said nothing"])[0]
    )


def read_partitions(text: str) -> tuple[Partition, ...]:
    """The lines of `scontrol show partition -o`."""
    found = []
    for line in text.splitlines():
        told = dict(re.findall(r"(\S+?)=(\S*)", line))
        if "PartitionName" not in told:
            continue
        found.append(
            Partition(
                told["PartitionName"],
                told.get("State", ""),
                told.get("Default") == "YES",
                minutes(told.get("MaxTime", "")),
                minutes(told.get("DefaultTime", "")),
                whole(told.get("MaxNodes", "")),
                _names(told.get("AllowAccounts")),
                _names(told.get("DenyAccounts")),
                _names(told.get("AllowQos")),
                whole(told.get("MinNodes", "")) or 0,
                whole(told.get("MaxCPUsPerNode", "")),
                whole(told.get("MaxMemPerNode", "")),
                whole(told.get("MaxMemPerCPU", "")),
                "" if told.get("QoS") in (None, "N/A", "(null)") else told["QoS"],
            )
        )
    return tuple(found)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text and text not in ("ALL", "N/A", "(null)") else ()


def minutes(text: str) -> int | None:
    """`1-00:00:00` as minutes; None for UNLIMITED, NONE and the like."""
    found = re.fullmatch(r"(?:(\d{1,6})-)?(\d{1,9}):(\d\d):(\d\d)", text, re.ASCII)
    if not found:
        return None
    days, hours, rest, seconds = (int(part or 0) for part in found.groups())
    return days * DAY + hours * 60 + rest + (seconds > 0)


def read_nodes(text: str) -> tuple[Node, ...]:
    """The rows of sinfo -N, one for each node of each partition."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 7:
            continue
        name, partition, state, cpus, memory, gres, features = cells[:7]
        found.append(
            Node(
                name,
                partition.rstrip("*"),
                state.rstrip("*~#!%$@^-+"),
                whole(cpus) or 0,
                whole(memory) or 0,
                _gpus(gres),
                frozenset() if features == "(null)" else frozenset(features.split(",")),
            )
        )
    return tuple(found)


def _gpus(text: str) -> Mapping[str, int]:
    """`gpu:h100:8(S:0-1),nvme:1` as {"h100": 8}."""
    found: dict[str, int] = {}
    for entry in re.sub(r"\([^)]*\)", "", text).split(","):
        kind = re.fullmatch(r"gpu(?::([^:]+))?:(\d{1,6})", entry, re.ASCII) or re.fullmatch(r"gpu()()", entry)
        if kind:
            found[kind[1] or ""] = found.get(kind[1] or "", 0) + int(kind[2] or 1)
    return found


def read_charges(text: str) -> tuple[tuple[str, Charge], ...]:
    """(cluster, association): slurmdbd keeps those of several clusters.

    A job without a QOS has the association's DefaultQOS, else the only one that it may have, else `normal` (22.05).
    """
    found = []
    for line in text.splitlines():
        row = line.split("|")
        if len(row) != len(_CHARGE):
            continue
        cluster, usual, account, partition, listed, default = row
        qos = frozenset(filter(None, listed.split(",")))
        only = next(iter(qos)) if len(qos) == 1 else "normal" if "normal" in qos else ""
        found.append((cluster, Charge(account, partition, qos, account == usual, default or only)))
    return tuple(found)


def here() -> bool:
    """Whether Slurm's commands are on this machine's path."""
    from shutil import which

    return all(which(name, path=os.environ.get("PATH")) for name in ("sbatch", "scontrol", "sinfo"))
