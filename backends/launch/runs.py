"""Runs as they lie on disk: a folder each. Where they are, and what their files say, as frozen values.

    $TOOLSPEC_RUNS or ./runs
      ID/run.json  submissions/0001.json  events/*.json  logs/0001.0.log  …      docs/runs.md has all of it

Nothing here asks Slurm or looks at a process. A file that is missing, cut, or another run's is a fault, one sentence
each in `Run.faults`, and the rest is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.launch.values import inner, mapping, real, text, texts, whole
from toolspec.specs.named_file import UnreadableError

FOLDER = "runs"
VARIABLE = "TOOLSPEC_RUNS"
SWEEPS = "sweeps"
MOST_EVENTS = 20_000
"""Files of a run's events that are read, the newest: a requeue storm of days stays readable."""

_ID = re.compile(r"[\w.-]{1,200}")
_SUBMISSION = re.compile(r"(\d{4,9})\.json")
_EVENT = re.compile(r"(\d{19})-([a-z]+)-.*\.json")


class Submission(NamedTuple):
    """One `toolspec submit` or `resubmit` of a run. Times are epoch seconds.

    kind: `slurm` or `local`. job: Slurm's id (`81234`, or `81240_3` in an array), None before Slurm gave one, and for
    local. pid, pid_started, boot: a local process, by its id, its start time as field 22 of /proc/PID/stat has it,
    and the boot id of its host. parameters: partition, account, time (minutes) and so on, as they were asked for.
    """

    number: int
    nonce: str
    kind: str
    submitted: float | None
    host: str | None
    user: str | None
    job: str | None
    pid: int | None
    pid_started: int | None
    boot: str | None
    resume: str | None
    overrides: tuple[str, ...]
    parameters: Mapping[str, Any]
    array: str | None
    smoke: bool
    validate_only: bool
    fields: Mapping[str, Any]


class Event(NamedTuple):
    """One thing that happened. stamp: nanoseconds in the file's name, by the clock of `host`. fields: the whole
    file."""

    kind: str
    stamp: int
    time: float
    host: str
    submission: int
    nonce: str
    job: str | None
    restart: int
    fields: Mapping[str, Any]


class InSweep(NamedTuple):
    """The sweep that a run is a point of. values: spec path → value."""

    id: str
    point: str
    values: Mapping[str, Any]


class Run(NamedTuple):
    """A run folder that was read. id: its name at birth, though the folder has moved since.

    nodes; gpus: of a node. gpu_hours: the budget, None for none. steps: planned. submissions: by number. events: in the
    order in which they happened (see `_order`). faults: what could not be read or is not this run's.
    """

    folder: Path
    id: str
    key: str
    name: str
    created: float | None
    spec: str | None
    verl: str
    trainer: str
    nodes: int
    gpus: int
    gpu_hours: float | None
    steps: int | None
    sweep: InSweep | None
    fields: Mapping[str, Any]
    submissions: tuple[Submission, ...]
    events: tuple[Event, ...]
    faults: tuple[str, ...]

    @property
    def newest(self) -> Submission | None:
        return self.submissions[-1] if self.submissions else None


def root(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of all runs. It need not be there."""
    return Path(os.path.expanduser(environment.get(VARIABLE) or FOLDER))  # noqa: PTH111 - pathlib's raises


def folders(place: Path) -> list[Path]:
    """The run folders directly in `place`, by name; [] where it is not there or closed."""
    try:
        with os.scandir(place) as entries:
            names = sorted(entry.name for entry in entries if entry.name != SWEEPS and _is_folder(entry))
    except OSError:
        return []
    return [place / name for name in names if os.path.lexists(f"{place}/{name}/run.json")]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def read_run(folder: Path) -> Run:
    """All that run.json, the submissions and the events say. Never raises for what stands in them.

    Without a run.json that can be read, the id is the folder's name and the rest is what the other files say.
    """
    faults: list[str] = []
    try:
        said = mapping(f"{folder}/run.json")
    except UnreadableError as error:
        said = {}
        faults.append(f"run.json cannot be read: {error}")
    submissions = tuple(_submissions(folder, faults))
    sweep = inner(said, "sweep")
    name = folder.name or folder.absolute().name
    id_ = text(said, "id") or name
    if id_ != name and not _ID.fullmatch(id_):
        faults.append("the id in run.json is none: the folder's name is taken")
        id_ = name
    return Run(
        folder,
        id_,
        text(said, "key") or "",
        text(said, "name") or name,
        real(said, "created"),
        text(said, "spec"),
        text(said, "verl") or "",
        text(said, "trainer") or "",
        whole(said, "nodes") or 1,
        whole(said, "gpus") or 0,
        real(said, "gpu_hours"),
        whole(said, "steps"),
        InSweep(text(sweep, "id") or "", text(sweep, "point") or "", inner(sweep, "values"))
        if sweep
        else None,
        said,
        submissions,
        tuple(_events(folder, submissions, faults)),
        tuple(faults),
    )


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - 10 times as fast as iterdir
    except OSError:
        return []


def _submissions(folder: Path, faults: list[str]) -> Iterator[Submission]:
    place = f"{folder}/submissions"
    for name in _names(place):
        found = _SUBMISSION.fullmatch(name)
        if not found:
            continue
        try:
            said = mapping(f"{place}/{name}")
        except UnreadableError as error:
            faults.append(f"submissions/{name} cannot be read: {error}")
            continue
        yield Submission(
            int(found[1]),
            text(said, "nonce") or "",
            text(said, "kind") or "slurm",
            real(said, "submitted"),
            text(said, "host"),
            text(said, "user"),
            _job(said),
            whole(said, "pid"),
            whole(said, "pid_started"),
            text(said, "boot"),
            text(said, "resume"),
            texts(said, "overrides"),
            inner(said, "parameters"),
            text(said, "array"),
            said.get("smoke") is True,
            said.get("validate_only") is True,
            said,
        )


def _job(said: Mapping[str, Any]) -> str | None:
    """Slurm's id of the job, only where it has the form of one: it is given to Slurm's commands."""
    job = text(said, "job")
    return job if job and re.fullmatch(r"\d{1,12}(_\d{1,9})?", job, re.ASCII) else None


def _events(folder: Path, submissions: tuple[Submission, ...], faults: list[str]) -> list[Event]:
    nonces = {each.number: each.nonce for each in submissions}
    place = f"{folder}/events"
    found: list[Event] = []
    unreadable = foreign = 0
    for name in [name for name in _names(place) if _EVENT.fullmatch(name)][-MOST_EVENTS:]:
        try:
            event = _event(name, mapping(f"{place}/{name}"))
        except UnreadableError:
            unreadable += 1
            continue
        if (nonces.get(event.submission) or event.nonce) != event.nonce:
            foreign += 1
            continue
        found.append(event)
    if unreadable:
        faults.append(f"{unreadable} of its events cannot be read")
    if foreign:
        faults.append(f"{foreign} of its events are of another run's submissions, and do not count")
    return sorted(found, key=_order)


def _event(name: str, said: Mapping[str, Any]) -> Event:
    found = _EVENT.fullmatch(name)
    assert found is not None
    stamp = int(found[1])
    return Event(
        text(said, "kind") or found[2],
        stamp,
        value if (value := real(said, "time")) is not None else stamp / 1e9,
        text(said, "host") or "",
        whole(said, "submission") or 1,
        text(said, "nonce") or "",
        _job(said),
        whole(said, "restart") or 0,
        said,
    )


PHASES: Mapping[str, int] = {
    kind: number
    for number, kind in enumerate(
        ("submitted", "began", "cluster", "environment", "started", "ending", "ended")
    )
}
"""Kinds that come once an attempt, in this order."""


def _order(event: Event) -> tuple[int, int, int, int]:
    """By submission, restart, and the phases of an attempt; by the clock only within one phase.

    Restarts run on different nodes, whose clocks may be hours apart, and a clock may be set back while a job runs.
    """
    return (event.submission, event.restart, PHASES.get(event.kind, PHASES["ending"]), event.stamp)
