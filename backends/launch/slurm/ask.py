"""What Slurm says of many jobs: one `sacct` for all of them, and one `squeue` for those that are not over.

sacct knows every job that ever was, where accounting is on; of one that waits it knows neither the reason now nor when
it may begin, and it may be late. squeue knows the jobs of now, and those that ended within MinJobAge (300 s). Both are
asked for times as epoch seconds (SLURM_TIME_FORMAT), and run under a time limit: without its controller `squeue` tries
for 18 s (22.05), and longer where the network drops packets.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from toolspec.backends.launch.bounded import bounded
from toolspec.backends.launch.slurm.words import telling

LIMIT_SECONDS = 10.0
MOST_IDS = 8000
"""Of one call: Linux takes 128 KiB in one argument, and an id has up to 12 digits."""
MOST_BYTES = 64 << 20

_SACCT = ("JobID", "JobIDRaw", "State", "ExitCode", "Submit", "Start", "End", "NodeList", "Reason", "JobName")
_SQUEUE = (
    "JobArrayID",
    "State",
    "RestartCnt",
    "exit_code",
    "SubmitTime",
    "StartTime",
    "EndTime",
    "NodeList",
    "Reason",
    "Name",
)
# What a user may have set to change what the two print.
_NOT_OURS = ("SACCT_", "SQUEUE_")
OVER = frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "DEADLINE", "BOOT_FAIL"})
"""States after which sacct need not be doubted. After PREEMPTED and NODE_FAIL a job may be queued again."""


class Job(NamedTuple):
    """Slurm's newest word on one job. Times are epoch seconds, by the controller's clock; None: not yet, or never.

    id: `81234`, or `81240_3` of an array. by: the user id that cancelled it, or "". code, signal: how its script ended.
    started: of a job that waits, when Slurm thinks it may begin. ended: of one that runs, when its time is over.
    restarts: how often it was queued again, None where sacct alone spoke and cannot know. earlier: the attempts before
    this one, oldest first. source: `sacct` or `squeue`.
    """

    id: str
    state: str
    by: str
    code: int
    signal: int
    submitted: float | None
    started: float | None
    ended: float | None
    nodes: str
    reason: str
    name: str
    restarts: int | None
    earlier: tuple[Job, ...]
    source: str


class Words(NamedTuple):
    """Slurm's answers. accounting, queue: why sacct or squeue did not answer, "" where it did or was not asked.

    when: epoch seconds.
    """

    jobs: Mapping[str, Job]
    accounting: str
    queue: str
    when: float

    def knows_all(self) -> bool:
        """Whether a job that is not in `jobs` is unknown to Slurm now: it is not waiting and not running."""
        return not self.queue


class Silent(Exception):
    """A command of Slurm's gave no answer: why, as a clause."""


def ask(ids: Iterable[str], limit: float = LIMIT_SECONDS) -> Words:
    """Slurm's word on the jobs with these ids, in at most two calls. Never raises."""
    wanted = sorted(set(ids))
    now = time.time()
    if not wanted:
        return Words({}, "", "", now)
    jobs: dict[str, Job] = {}
    accounting = queue = ""
    fields = ["-nPXD", "-o", ",".join(_SACCT)]
    try:
        text = call(["sacct", *fields, "-j", ",".join(_bases(wanted))], limit)
        jobs = read_sacct(text)
    except Silent as why:
        accounting = str(why)
    doubted = [each for each in wanted if each not in jobs or jobs[each].state not in OVER]
    if doubted:
        waiting, queue = in_queue(doubted, limit)
        jobs |= {key: _with_earlier(job, jobs.get(key)) for key, job in waiting.items()}
    return Words({key: jobs[key] for key in wanted if key in jobs}, accounting, queue, now)


def in_queue(ids: Iterable[str], limit: float = LIMIT_SECONDS) -> tuple[dict[str, Job], str]:
    """(squeue's word on the jobs, why it gave none): those that wait, run, or ended within MinJobAge. Never raises.

    A job that still clears up is COMPLETING here, and over for accounting.
    """
    form = ",".join(f"{name}:|" for name in _SQUEUE)
    try:
        text = call(["squeue", "-h", "-r", "-t", "all", "-O", form, "-j", ",".join(_bases(ids))], limit)
    except Silent as why:
        return {}, "" if _KNOWS_NONE in str(why) else str(why)
    return read_squeue(text), ""


_KNOWS_NONE = "Invalid job id specified"


def _bases(ids: Iterable[str]) -> list[str]:
    """Arrays are asked for whole: shorter, and Slurm takes no list of thousands of tasks."""
    return sorted({each.partition("_")[0] for each in ids})[:MOST_IDS]


def call(command: Sequence[str], limit: float) -> str:
    """What a command of Slurm's prints. Raises Silent: it is not here, fails, or takes longer than `limit` seconds."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    kept |= {"SLURM_TIME_FORMAT": "%s", "LC_ALL": "C"}
    try:
        done = bounded(command, limit, kept, MOST_BYTES)
    except subprocess.TimeoutExpired:
        raise Silent(f"{command[0]} did not answer within {limit:g} s") from None
    except OSError as error:
        there = (
            "is not on this machine"
            if isinstance(error, FileNotFoundError)
            else f"cannot be run: {error.strerror}"
        )
        raise Silent(f"{command[0]} {there}") from None
    if done.returncode:
        raise Silent(f"{command[0]}: {_said(done.stderr) or f'exit code {done.returncode}'}")
    return done.stdout.decode("utf-8", "replace")


def _said(errors: bytes) -> str:
    """The line that tells of what a command said, without its own name in front."""
    line = telling(errors[-4096:].decode("utf-8", "replace"))
    return re.sub(r"^\w+: (?:(?:error|fatal): )?", "", line)[:200]


def read_sacct(text: str) -> dict[str, Job]:
    """The rows of `sacct -nPXD`, oldest first, one job each: the last row of an id, with those before it."""
    jobs: dict[str, Job] = {}
    for line in text.splitlines():
        cells = line.split("|", len(_SACCT) - 1)
        if len(cells) != len(_SACCT):
            continue
        ids, _, state, code, submitted, started, ended, nodes, reason, name = cells
        first, _, second = code.partition(":")
        word, _, by = state.partition(" by ")
        for each in tasks(ids):
            row = Job(
                each,
                _state(word),
                by,
                _number(first),
                _number(second),
                _time(submitted),
                _time(started),
                _time(ended),
                _nodes(nodes),
                _reason(reason),
                name,
                None,
                (),
                "sacct",
            )
            jobs[each] = _with_earlier(row, jobs.get(each))
    return jobs


def read_squeue(text: str) -> dict[str, Job]:
    """The rows of `squeue -h -r -t all -O …`, one job each."""
    jobs: dict[str, Job] = {}
    for line in text.splitlines():
        cells = line.split("|", len(_SQUEUE) - 1)
        if len(cells) != len(_SQUEUE):
            continue
        ids, state, restarts, status, submitted, started, ended, nodes, reason, name = cells
        ended_by = _number(status)
        for each in tasks(ids):
            jobs[each] = Job(
                each,
                _state(state),
                "",
                ended_by >> 8,  # as wait(2) has it
                ended_by & 0x7F,
                _time(submitted),
                _time(started),
                _time(ended),
                _nodes(nodes),
                _reason(reason),
                name.rstrip().removesuffix("|"),
                _number(restarts),
                (),
                "squeue",
            )
    return jobs


def _with_earlier(row: Job, before: Job | None) -> Job:
    """`row` as the newest word, the attempts of `before` behind it. Two words on one attempt are one."""
    if before is None:
        return row
    rows = [*before.earlier, before._replace(earlier=())]
    if row.source == "squeue":
        same = [each for each in rows if each.submitted == row.submitted]
        if same and not row.by:
            row = row._replace(by=same[-1].by)
        rows = [each for each in rows if each.submitted != row.submitted]
    return row._replace(earlier=tuple(rows))


_ARRAY = re.compile(r"(\d+)_\[([\d,\-:]+)(?:%\d+)?\]")
_MOST_TASKS = 100_000


def tasks(ids: str) -> list[str]:
    """The jobs that Slurm's id names: `9_[0-2,5%2]` is four of them. A list that Slurm cut short (`…`) names none."""
    found = _ARRAY.fullmatch(ids)
    if not found:
        return [ids]
    numbers: list[int] = []
    for part in found[2].split(","):
        span = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?", part)
        if not span:
            continue
        first = int(span[1])
        each = range(first, int(span[2] or first) + 1, max(1, int(span[3] or 1)))
        numbers += each[: _MOST_TASKS - len(numbers)]
    return [f"{found[1]}_{number}" for number in numbers]


def _state(word: str) -> str:
    """`CANCELLED+` is a state that a narrow column cut."""
    return word.strip().rstrip("+").upper()


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"\s*\d{1,9}\s*", text, re.ASCII) else 0


def _time(text: str) -> float | None:
    """Epoch seconds, or an ISO time of this zone where Slurm does not know SLURM_TIME_FORMAT; None for `N/A`,
    `Unknown`."""
    word = text.strip()
    if re.fullmatch(r"\d{1,12}", word, re.ASCII):
        return float(word) or None
    try:
        return datetime.fromisoformat(word).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _nodes(text: str) -> str:
    word = text.strip()
    return "" if word in ("None assigned", "(null)", "N/A") else word


def _reason(text: str) -> str:
    word = text.strip()
    return "" if word in ("None", "(null)") else word


def by_comment(wanted: Mapping[str, str], limit: float = LIMIT_SECONDS) -> dict[str, str]:
    """Jobs by their comments: what `wanted` says of a comment → the id, an array's own. {} where Slurm is silent."""
    try:
        told = call(["squeue", "-h", "-t", "all", "-O", "JobArrayID:|,Comment:|"], limit)
    except Silent:
        return {}
    found: dict[str, str] = {}
    for line in told.splitlines():
        ids, _, comment = line.partition("|")
        name = wanted.get(comment.rstrip("| "))
        if name is not None:
            found[name] = (tasks(ids.strip()) or [ids.strip()])[0].partition("_")[0]
    return found
