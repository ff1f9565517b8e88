"""What the probes found, frozen: all that the checks see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

State = Literal["ok", "warning", "error", "unknown"]


@dataclass(frozen=True, slots=True)
class Absent:
    """A probe without an answer, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python that runs verl. packages: normalised name → version. encoding: of its standard output."""

    executable: str
    version: str
    packages: Mapping[str, str]
    encoding: str


@dataclass(frozen=True, slots=True)
class Gpu:
    """name and memory as nvidia-smi says them. used_mib: of all processes."""

    name: str
    memory_mib: int
    used_mib: int


@dataclass(frozen=True, slots=True)
class Gpus:
    """driver: `580.65.06`. cuda: the newest CUDA that the driver runs, `13.0`, "" where it is not told."""

    driver: str
    cuda: str
    gpus: tuple[Gpu, ...]


@dataclass(frozen=True, slots=True)
class Disk:
    """place: the nearest folder that is there. kind: of the file system, "" where it is not known."""

    place: str
    free: int
    total: int
    kind: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the operating system. -1: none."""

    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Session:
    """A folder that Ray left under /tmp/ray. mine: it belongs to this user. alive: its processes run."""

    name: str
    mine: bool
    alive: bool


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The model where this machine would load it from. weights: whether weight files are there."""

    folder: str
    weights: bool


@dataclass(frozen=True)
class Snapshot:
    """Everything gathered. A field that could not be had is Absent. Bytes and seconds.

    variables: of the environment, only those that a check reads, a secret's value replaced by `set`.
    ports: number → whether something listens. newest_file: time of the newest file read, to hold the clock against.
    disks: by what they are for (`checkpoints`, `run folder`, `/dev/shm`, `bundle`, `/tmp`).
    """

    interpreter: Interpreter | Absent
    gpus: Gpus | Absent
    disks: Mapping[str, Disk | Absent]
    limits: Mapping[str, Limit]
    ports: Mapping[int, bool | Absent]
    sessions: tuple[Session, ...] | Absent
    address: str | Absent
    hostname: str
    memory: int | Absent
    now: float
    newest_file: float | None = None
    model: ModelFiles | Absent = Absent("no spec")
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report. found: the value that was seen."""

    name: str
    state: State
    found: str
    why: str = ""
    fix: str = ""
