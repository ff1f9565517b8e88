"""What the cluster is, as Slurm says it: partitions, nodes, what the user may charge. All asked at once, in limits."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from toolspec.backends.launch.process import user
from toolspec.backends.launch.slurm.ask import Silent, call

T = TypeVar("T")
SECONDS = 10.0
DAY = 24 * 60


class Partition(NamedTuple):
    """longest, usual: minutes of MaxTime and DefaultTime, None for no limit and none said.

    accounts, not_accounts, qos: who may use it; () for everyone, for nobody barred.
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
    """An association of the user's: what may be charged, on which partition ("" for all), under which QOS."""

    account: str
    partition: str
    qos: frozenset[str]


class Cluster(NamedTuple):
    """silent: what could not be asked → why. charges: None where there is no accounting, or it was silent."""

    partitions: tuple[Partition, ...]
    nodes: tuple[Node, ...]
    charges: tuple[Charge, ...] | None
    silent: Mapping[str, str]

    def partition(self, name: str | None) -> Partition | None:
        for each in self.partitions:
            if each.name == name or (name is None and each.default):
                return each
        return None


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
    owner = f"user={user()}"
    with ThreadPoolExecutor(4) as pool:
        up = pool.submit(said, "controller", ["scontrol", "ping"], read_ping, "")
        partitions = pool.submit(
            said, "partitions", ["scontrol", "show", "partition", "-o"], read_partitions, ()
        )
        nodes = pool.submit(said, "nodes", ["sinfo", "-h", "-a", "-N", "-O", form], read_nodes, ())
        listed = ["sacctmgr", "-nP", "show", "assoc", owner, "format=account,partition,qos"]
        charges = pool.submit(said, "accounts", listed, read_charges, None)
        if down := up.result():
            silent["controller"] = down
        return Cluster(partitions.result(), nodes.result(), charges.result(), silent)


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
        most = told.get("MaxNodes", "")
        found.append(
            Partition(
                told["PartitionName"],
                told.get("State", ""),
                told.get("Default") == "YES",
                minutes(told.get("MaxTime", "")),
                minutes(told.get("DefaultTime", "")),
                int(most) if most.isdigit() else None,
                _names(told.get("AllowAccounts")),
                _names(told.get("DenyAccounts")),
                _names(told.get("AllowQos")),
            )
        )
    return tuple(found)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text and text not in ("ALL", "N/A", "(null)") else ()


def minutes(text: str) -> int | None:
    """`1-00:00:00` as minutes; None for UNLIMITED, NONE and the like."""
    found = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)", text)
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
                int(cpus) if cpus.isdigit() else 0,
                int(memory) if memory.isdigit() else 0,
                _gpus(gres),
                frozenset() if features == "(null)" else frozenset(features.split(",")),
            )
        )
    return tuple(found)


def _gpus(text: str) -> Mapping[str, int]:
    """`gpu:h100:8(S:0-1),nvme:1` as {"h100": 8}."""
    found: dict[str, int] = {}
    for entry in re.sub(r"\([^)]*\)", "", text).split(","):
        kind = re.fullmatch(r"gpu(?::([^:]+))?:(\d+)", entry) or re.fullmatch(r"gpu()()", entry)
        if kind:
            found[kind[1] or ""] = found.get(kind[1] or "", 0) + int(kind[2] or 1)
    return found


def read_charges(text: str) -> tuple[Charge, ...]:
    rows = (line.split("|") for line in text.splitlines())
    return tuple(
        Charge(row[0], row[1], frozenset(filter(None, row[2].split(",")))) for row in rows if len(row) >= 3
    )


def here() -> bool:
    """Whether Slurm's commands are on this machine's path."""
    from shutil import which

    return all(which(name, path=os.environ.get("PATH")) for name in ("sbatch", "scontrol", "sinfo"))
