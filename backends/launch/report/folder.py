"""A run folder as a report reads it: the run (runs.py), its logs, its bundle, and where verl's own metrics may lie.

The folder may be half-written, moved, cut short or forged. What cannot be read is named in `unread` and left out; only
regular files are opened, and of each no more than its limit. A folder without run.json is one that a bundle's launch.sh
made by hand: its log may be called anything that ends in `.log` or `log.txt`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.launch import runs
from toolspec.specs.named_file import UnreadableError, is_folder, is_regular, read
from toolspec.specs.problem import Problem, ProblemError

MOST_DOCUMENT = 4 << 20  # bytes of a JSON document
UNREAD = " cannot be read: "
"""Between the file and the reason in `runs.Run.faults`."""
_LOG = re.compile(r"(\d{1,9})\.(\d{1,9})\.log")


class Log(NamedTuple):
    """A log with the submission and the restart that wrote it; both 0 where its name does not say."""

    path: Path
    submission: int
    restart: int


class RunFolder(NamedTuple):
    """run: run.json, empty where there is none. submissions: by number. events: in the order of their names, each
    with `kind`. logs: in the order in which they were written. bundle: None where none is at hand. unread: (file,
    why), what should have been read and could not be.
    """

    path: Path
    run: Mapping[str, Any]
    submissions: Mapping[int, Mapping[str, Any]]
    events: tuple[Mapping[str, Any], ...]
    logs: tuple[Log, ...]
    bundle: Path | None
    unread: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """The run's id; the folder's own name where it has none."""
        return text_of(self.run.get("id")) or self.path.absolute().name

    def of_kind(self, kind: str) -> tuple[Mapping[str, Any], ...]:
        return tuple(event for event in self.events if event["kind"] == kind)


def read_run(path: Path, bundle: Path | None = None) -> RunFolder:
    """The folder's documents. bundle: where it stands, if not in the folder. Raises ProblemError (TS054)."""
    run = runs.read_run(path)
    told = run.faults if os.path.lexists(path / "run.json") else run.faults[1:]  # by hand there is none
    unread = tuple((file, why or file) for file, _, why in (fault.partition(UNREAD) for fault in told))
    logs = tuple(_logs(path))
    found = bundle or (path / "bundle" if is_folder(path / "bundle") else None)
    events = tuple({**event.fields, "kind": event.kind} for event in run.events)
    submissions = {each.number: each.fields for each in run.submissions}
    signs = (
        run.fields,
        logs,
        events,
        submissions,
        unread,
        is_folder(path / "trajectories"),
        _loggers_own(path),
    )
    if not any(signs):
        message = f"{path} is no run's folder: it has no run.json, no log, no events and no trajectories"
        fix = "name a run of $TOOLSPEC_RUNS (./runs), or its folder"
        raise ProblemError((Problem("TS054", "no-run", message, fix=fix),))
    return RunFolder(path, run.fields, submissions, events, logs, found, unread)


def metric_files(path: Path) -> Iterator[Path]:
    """Where verl's `file` logger may have written (utils/tracking.py FileLogger of each release): at
    VERL_FILE_LOGGER_PATH, else as PROJECT/EXPERIMENT.jsonl below VERL_FILE_LOGGER_ROOT or the bundle, where
    verl runs.
    """
    if is_regular(path / "metrics.jsonl"):
        yield path / "metrics.jsonl"
    for folder in (path / "metrics", *(_folders(path / "metrics")), *(_folders(path / "bundle"))):
        if folder.name not in ("data", "spec", "ts_user", "ts_terms"):
            yield from listed(folder, lambda name: name.endswith(".jsonl"))


def document(file: Path, told: Callable[[Path, str], None]) -> dict[str, Any] | None:
    """A JSON mapping; None where it cannot be read, and `told` has why."""
    try:
        found = json.loads(read(file, MOST_DOCUMENT))
    except UnreadableError as error:
        told(file, str(error))
        return None
    except (ValueError, RecursionError):
        told(file, "it is no JSON, or was cut short")
        return None
    if not isinstance(found, dict):
        told(file, "it is no mapping")
        return None
    return found


def listed(folder: Path, wanted: Callable[[str], object]) -> list[Path]:
    """The regular files of a folder whose name is wanted, sorted; none where it cannot be listed."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if wanted(entry.name))
    except (OSError, ValueError):
        return []
    return [folder / name for name in names if is_regular(folder / name)]


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    except (OSError, ValueError):
        return []


def _loggers_own(path: Path) -> bool:
    return next(metric_files(path), None) is not None


def _logs(path: Path) -> Iterator[Log]:
    found = []
    for file in listed(path / "logs", _LOG.fullmatch):
        match = _LOG.fullmatch(file.name)
        assert match is not None
        found.append(Log(file, int(match[1]), int(match[2])))
    yield from sorted(found, key=lambda log: (log.submission, log.restart))
    if not found:
        own = listed(path, lambda name: name == "log.txt" or name.endswith(".log"))
        yield from (Log(file, 0, 0) for file in sorted(own, key=_changed))


def _changed(file: Path) -> tuple[float, str]:
    try:
        return file.stat().st_mtime, file.name
    except OSError:
        return 0.0, file.name


def number_of(value: Any) -> float | None:
    """A finite number, and no truth value; None for anything else that a forged document may hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if abs(found) < 1e300 else None


def whole_of(value: Any) -> int | None:
    """A number from 0 on without a fraction."""
    found = number_of(value)
    return int(found) if found is not None and found >= 0 and found == int(found) and found < 1e15 else None


def text_of(value: Any) -> str:
    """A text; "" for anything else."""
    return value if isinstance(value, str) else ""
