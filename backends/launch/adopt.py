"""Jobs whose id was never written down: the submitter was killed between sbatch and its note, or sbatch did not answer.

Such a job is found by its comment, which has the submission's nonce, while the controller knows it, and by its name,
which is the run's id, or its sweep's, in the accounting.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from toolspec.backends.launch.create import place_json
from toolspec.backends.launch.events import write_event
from toolspec.backends.launch.runs import Run, Submission
from toolspec.backends.launch.slurm.ask import Silent, by_comment, call, tasks
from toolspec.backends.launch.slurm.script import mark

RECENT_SECONDS = 14 * 86400.0
LIMIT_SECONDS = 10.0


class Orphan(NamedTuple):
    """A submission without a job. name: the job's: the run's id, or that of its sweep. task: its place in an array."""

    run: Run
    submission: Submission
    name: str
    task: int | None


def orphans(runs: Iterable[Run], now: float | None = None) -> list[Orphan]:
    """Newest submissions to Slurm that have no job. A run that began tells its job itself, and is not among them."""
    now = time.time() if now is None else now
    found = []
    for run in runs:
        newest = run.newest
        if newest is None or newest.kind != "slurm" or newest.job is not None or not newest.nonce:
            continue
        if newest.submitted is None or now - newest.submitted > RECENT_SECONDS:
            continue
        name = (
            run.sweep.id
            if run.sweep is not None and newest.parameters.get("array_task") is not None
            else run.id
        )
        task = newest.parameters.get("array_task")
        found.append(Orphan(run, newest, name, task if isinstance(task, int) else None))
    return found


def adopt(lost: Iterable[Orphan]) -> int:
    """Writes down the jobs of those that Slurm knows: how many. Never raises."""
    lost = list(lost)
    if not lost:
        return 0
    jobs = by_comment({mark(each.name, each.submission.nonce): each.submission.nonce for each in lost})
    rest = [each for each in lost if each.submission.nonce not in jobs]
    jobs |= _by_name(rest)
    count = 0
    for each in lost:
        job = jobs.get(each.submission.nonce)
        if job is None:
            continue
        if each.task is not None:
            job = f"{job}_{each.task}"
        try:
            _write(each, job)
        except (OSError, ValueError):
            continue
        count += 1
    return count


def _by_name(lost: list[Orphan]) -> dict[str, str]:
    """Nonce → job, from the accounting: one of the name that was submitted about then."""
    if not lost:
        return {}
    names = {each.name for each in lost}
    first = min(each.submission.submitted or 0.0 for each in lost) - 60
    start = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(first))
    command = [
        "sacct",
        "-nPX",
        "-S",
        start,
        "-o",
        "JobID,JobName,Submit",
        f"--name={','.join(sorted(names))}",
    ]
    try:
        told = call(command, LIMIT_SECONDS)
    except Silent:
        return {}
    found: dict[str, str] = {}
    for line in told.splitlines():
        ids, name, submitted = [*line.split("|"), "", ""][:3]
        for each in lost:
            at = each.submission.submitted or 0.0
            if name == each.name and submitted.isdigit() and abs(int(submitted) - at) < 120:
                found[each.submission.nonce] = (tasks(ids) or [ids])[0].partition("_")[0]
    return found


def _write(orphan: Orphan, job: str) -> None:
    """Raises OSError, ValueError."""
    file = orphan.run.folder / "submissions" / f"{orphan.submission.number:04d}.json"
    told: Mapping[str, Any] = json.loads(file.read_text("utf-8"))
    array = job.partition("_")[0] if orphan.task is not None else None
    place_json(file, {**told, "job": job, "array": array, "adopted": True})
    write_event(orphan.run.folder, "submitted", orphan.submission, job=job, adopted=True)
