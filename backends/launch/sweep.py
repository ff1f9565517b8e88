"""A sweep as arrays of Slurm: each point a run of its own, all of them sent by one sbatch.

    runs/sweeps/ID/sweep.json        the points, each with its run
    runs/sweeps/ID/arrays/0001.sh    what sbatch was given; 0001.txt: for each task its submission's number and its run

A sweep that is extended gets another array; its points that have a run already are left as they are.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.launch.bundle import write_into
from toolspec.backends.launch.create import place_json, place_text
from toolspec.backends.launch.events import write_event
from toolspec.backends.launch.process import user
from toolspec.backends.launch.runs import SWEEPS
from toolspec.backends.launch.slurm.script import array_script
from toolspec.backends.launch.submit import (
    Submission,
    adopted,
    fields,
    refused,
    reserve,
    signals_wait,
    write_run,
)
from toolspec.backends.launch.values import mapping
from toolspec.backends.verl.sweep.expand import SweptPoint
from toolspec.specs.named_file import UnreadableError
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError

FILE = "sweep.json"
_HEX = 6


class Member(NamedTuple):
    """A point and its run. number: of the submission that is to be made. identity: SweptPoint's."""

    point: str
    run: Path
    values: Mapping[str, Any]
    number: int = 1
    identity: str = ""


class SweepFolder(NamedTuple):
    """place: the folder of all runs. members: by the point's name, those that are there already.

    name: of the spec, "" for unknown. parallel: points at once, None for all.
    """

    place: Path
    id: str
    members: Mapping[str, Member]
    name: str = ""
    parallel: int | None = None

    @property
    def folder(self) -> Path:
        return self.place / SWEEPS / self.id

    def run_of(self, point: str) -> Path:
        """The folder of a point's run: the same for as long as the sweep lives."""
        return self.place / f"{point}-{self.id[-_HEX:]}"


def open_sweep(place: Path, id_: str) -> SweepFolder:
    """A sweep on disk. Raises ProblemError (TS054)."""
    try:
        told = mapping(str(place / SWEEPS / id_ / FILE))
    except UnreadableError as error:
        message = f"there is no sweep `{id_}` in {place / SWEEPS}: {error}"
        close = nearest(id_, sorted(each.parent.name for each in (place / SWEEPS).glob(f"*/{FILE}")))
        fix = f"--extend {close[0]}" if close else "toolspec runs"
        raise ProblemError((Problem("TS054", "no-run", message, fix=fix),)) from None
    members = {}
    for entry in told.get("points") or ():
        if (
            isinstance(entry, dict)
            and isinstance(entry.get("name"), str)
            and isinstance(entry.get("run"), str)
        ):
            run = place / Path(entry["run"]).name
            values, identity = entry.get("values") or {}, entry.get("identity") or ""
            members[entry["name"]] = Member(entry["name"], run, values, identity=str(identity))
    name, parallel = told.get("name"), told.get("parallel")
    return SweepFolder(
        place,
        id_,
        members,
        name if isinstance(name, str) else "",
        parallel if isinstance(parallel, int) and parallel > 0 else None,
    )


def write_point(
    sweep: SweepFolder,
    swept: SweptPoint,
    forced: Sequence[Mapping[str, str]],
    spec: Path,
    sets: Sequence[str],
) -> Member:
    """A point's run, with its bundle, not submitted yet; gone again where it is stopped in the middle.

    Not durable: os.sync follows. Raises ProblemError, OSError.
    """
    assert swept.compiled is not None
    run = sweep.run_of(swept.point.name)
    run.mkdir()
    try:
        bundle = write_into(run, swept.compiled, durable=False)
        told = {"id": sweep.id, "point": swept.point.name, "values": swept.point.values}
        values = tuple(f"{path}={json.dumps(value)}" for path, value in swept.point.values.items())
        write_run(run, bundle._replace(spec=spec, sets=(*sets, *values)), forced, told)
    except BaseException:
        shutil.rmtree(run, ignore_errors=True)
        raise
    return Member(swept.point.name, run, swept.point.values, identity=swept.identity)


def write_sweep(sweep: SweepFolder, fields: Mapping[str, Any], members: Iterable[Member]) -> None:
    """sweep.json, with those of before. fields: `name`, `spec`, `set`, `parallel`. Raises OSError."""
    file = sweep.folder / FILE
    before: dict[str, Any] = {"version": 1, "id": sweep.id, "created": round(time.time(), 3), "user": user()}
    with suppress(UnreadableError):
        before |= mapping(str(file))
    points = {**sweep.members, **{each.point: each for each in members}}
    told = [
        {"name": each.point, "run": each.run.name, "values": each.values, "identity": each.identity}
        for each in points.values()
    ]
    place_json(file, {**before, **fields, "points": told})


class Array(NamedTuple):
    """Members that are one array of Slurm's. at_once: how many of them run at a time."""

    key: str
    members: Sequence[Member]
    at_once: int


def arrays(groups: Mapping[str, Sequence[Member]], parallel: int | None, largest: int | None) -> list[Array]:
    """Each group as one array, or as several of at most `largest` tasks; `parallel` is shared out among all of them."""
    parts = [
        (key, members[start : start + (largest or len(members))])
        for key, members in groups.items()
        for start in range(0, len(members), largest or len(members))
    ]
    total = sum(len(members) for _, members in parts)
    found = []
    for key, members in parts:
        share = len(members) if parallel is None else max(1, parallel * len(members) // total)
        found.append(Array(key, members, min(share, len(members))))
    left = (parallel or 0) - sum(each.at_once for each in found)
    for number, each in enumerate(found):  # what the division left over
        more = max(0, min(left, len(each.members) - each.at_once))
        found[number] = each._replace(at_once=each.at_once + more)
        left -= more
    return found


def send(sweep: SweepFolder, members: Sequence[Member], submission: Submission, at_once: int) -> str:
    """One array for all of them: its id. Raises ProblemError, OSError."""
    from toolspec.backends.launch.cancel import withdrawn
    from toolspec.backends.launch.slurm.executor import BundleExecutor, RefusedError

    folder = sweep.folder / "arrays"
    number = 1 + max((int(file.stem) for file in folder.glob("[0-9]*.sh")), default=0)
    script = folder / f"{number:04d}.sh"
    place_text(script.with_suffix(".txt"), "".join(f"{each.number} {each.run}\n" for each in members))
    options = {"job-name": sweep.id, **submission.options}
    text = array_script(options, folder, number, submission, len(members), at_once)
    place_text(script, text)
    with signals_wait():
        for task, each in enumerate(members):
            file = each.run / "submissions" / f"{each.number:04d}.json"
            reserve(file, _fields(submission, each, task), durable=False)
        try:
            array = BundleExecutor(script, submission.options).submit_script()
        except RefusedError as error:
            found = adopted(sweep.id, submission.nonce) if error.silent else None
            if found is None:
                if not error.silent:
                    for each in members:
                        (each.run / "submissions" / f"{each.number:04d}.json").unlink(missing_ok=True)
                    script.unlink(missing_ok=True)
                    script.with_suffix(".txt").unlink(missing_ok=True)
                raise ProblemError((refused(str(error), sweep.folder, error.silent),)) from None
            array = found
        for task, each in enumerate(members):
            own = submission._replace(number=each.number)
            job = f"{array}_{task}"
            file = each.run / "submissions" / f"{each.number:04d}.json"
            place_json(file, _fields(submission, each, task, job=job, array=array), durable=False)
            write_event(each.run, "submitted", own, job=job)
    os.sync()
    withdrawn(each.run for each in members)
    return array


def _fields(submission: Submission, member: Member, task: int, **told: Any) -> dict[str, Any]:
    """The member's submission: its place in the array is kept, by which a job whose id was lost is found again."""
    said = fields(submission._replace(number=member.number), **told)
    return {**said, "parameters": {**said["parameters"], "array_task": task}}


def remove(sweep: SweepFolder, members: Iterable[Member]) -> None:
    """Takes back the runs that were not submitted, and what the sweep says of them."""
    gone = set()
    for each in members:
        if not list((each.run / "submissions").glob("*.json")):
            shutil.rmtree(each.run, ignore_errors=True)
            gone.add(each.point)
    left = [each for each in members if each.point not in gone]
    with suppress(OSError):
        if not left and not sweep.members:
            shutil.rmtree(sweep.folder, ignore_errors=True)
        elif gone and (sweep.folder / FILE).exists():
            write_sweep(sweep, {}, left)
