"""What an audit looks at, gathered once: the folder, the course of the run, the records, the bundle's documents."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.launch.report.course import Course, read_course
from toolspec.backends.launch.report.folder import (
    RunFolder,
    document,
    listed,
    number_of,
    read_run,
    text_of,
    whole_of,
)
from toolspec.backends.launch.report.records import Records, read_records
from toolspec.backends.verl.asked import Asked, asked_config
from toolspec.backends.verl.printed import printed_config
from toolspec.backends.verl.releases import TABLES, Release, leaves, release
from toolspec.specs.named_file import UnreadableError, read
from toolspec.specs.problem import ProblemError
from toolspec.specs.yaml_tree import parse

MOST_CONFIG = 4 << 20


class Printed(NamedTuple):
    """The configuration that an attempt printed, with the log it stands in."""

    log: str
    submission: int
    values: Mapping[str, Any]


class Evidence(NamedTuple):
    """manifest, plan: of the bundle, empty where it has none. release: None where none is told, or an unknown one.

    config: what config.yaml says, None without one. printed: of each attempt that printed a whole one. faults:
    (scores, faults, one's text), None where nothing was counted.
    """

    folder: RunFolder
    course: Course
    records: Records
    manifest: Mapping[str, Any]
    plan: Mapping[str, Any]
    release: Release | None
    config: bytes | None
    printed: tuple[Printed, ...]
    faults: tuple[int, int, str] | None
    fault_limit: float | None
    unread: tuple[tuple[str, str], ...]

    def planned(self, path: str) -> Any:
        """The plan's value at a path, None where it is not known."""
        entry = self.plan.get(path)
        return entry.get("value") if isinstance(entry, dict) else None

    def setting(self, key: str) -> Any:
        """verl's key as it was printed last; else as config.yaml says it; None where neither does."""
        if self.printed:
            return self.printed[-1].values.get(key)
        return self.written.get(key)

    @property
    def written(self) -> Mapping[str, Any]:
        if self.config is None:
            return {}
        with suppress(ProblemError):
            tree = parse(self.config, "config.yaml").value
            if isinstance(tree, Mapping):
                return {str(key): value for key, value in leaves(tree)}
        return {}


def began_at(folder: RunFolder) -> list[float]:
    """When the attempts began, rising."""
    return sorted(
        time for event in folder.of_kind("began") if (time := number_of(event.get("time"))) is not None
    )


def gather(path: Path, bundle: Path | None = None) -> Evidence:
    """Everything that is read of a run. Raises ProblemError where the folder is no run's."""
    folder = read_run(path, bundle)
    course = read_course(folder)
    records = read_records(folder.path, began_at(folder), len(course.attempts))
    unread: list[tuple[str, str]] = [*folder.unread, *course.unread, *records.unread]

    def told(file: Path, why: str) -> None:
        unread.append((file.name, why))

    manifest: Mapping[str, Any] = {}
    plan: Mapping[str, Any] = {}
    config: bytes | None = None
    limit: float | None = None
    if folder.bundle is not None:
        manifest = document(folder.bundle / "manifest.json", told) or {}
        found = document(folder.bundle / "plan.json", _quiet) or {}
        plan = found.get("plan") if isinstance(found.get("plan"), dict) else {}  # type: ignore[assignment]
        reward = document(folder.bundle / "ts_reward.json", _quiet) or {}
        limit = number_of(reward.get("fault_limit"))
        try:
            config = read(folder.bundle / "config.yaml", MOST_CONFIG)
        except UnreadableError as error:
            told(folder.bundle / "config.yaml", str(error))
    version = text_of(folder.run.get("verl")) or text_of(manifest.get("verl"))
    texts = {text: printed_config(text) for text in {attempt.printed for attempt in course.attempts} if text}
    printed = [
        Printed(attempt.log, attempt.submission, values)
        for attempt in course.attempts
        if (values := texts.get(attempt.printed)) is not None
    ]
    return Evidence(
        folder,
        course,
        records,
        manifest,
        plan,
        release(version) if version in TABLES else None,
        config,
        tuple(printed),
        _faults(folder.path),
        limit,
        tuple(dict.fromkeys(unread)),
    )


def _quiet(file: Path, why: str) -> None:
    """A document that an audit can do without: the checks that need it say so."""


def asked_of(seen: Evidence, submission: int) -> Asked | None:
    """What the bundle and a submission's overrides ask for; None without bundle or release. Raises ProblemError."""
    if seen.config is None or seen.release is None:
        return None
    given = seen.folder.submissions.get(submission, {}).get("overrides")
    overrides = [text for text in given if isinstance(text, str)] if isinstance(given, list) else []
    origin = f"submissions/{submission:04d}.json"
    return asked_config(seen.config, "config.yaml", seen.release, [(text, origin) for text in overrides])


def _faults(run: Path) -> tuple[int, int, str] | None:
    """As ts_faults.counted of the bundle, over files that may be anything."""
    scored = faults = counted = 0
    first = ""
    for file in listed(run / "faults", lambda name: name.endswith(".json")):
        found = document(file, _quiet)
        if found is None:
            continue
        scores, wrong = whole_of(found.get("scored")), whole_of(found.get("faults"))
        if scores is None or wrong is None:
            continue
        counted += 1
        scored, faults = scored + scores, faults + wrong
        first = first or text_of(found.get("first"))
    return (scored, faults, first) if counted else None
