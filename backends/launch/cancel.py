"""Ends runs: jobs by Slurm, processes of this machine by signals. Safe to do twice, and by two at once.

A job that ends may be on its way back into the queue: its own request at the time limit, a preemption, a node that
failed. So Slurm is first told not to queue it again (`scontrol update Requeue=0`, which also makes a request of the
job's own fail), then to cancel it, and is asked afterwards; what waits again is cancelled again.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from toolspec.backends.launch.attempts import runs, waits
from toolspec.backends.launch.events import write_event
from toolspec.backends.launch.look import Looked, look
from toolspec.backends.launch.process import NONCE, descendants, life, started, user, with_variable
from toolspec.backends.launch.runs import Run, Submission, read_run
from toolspec.backends.launch.slurm.ask import LIMIT_SECONDS, Job, in_queue

WATCH_SECONDS = 12.0
"""How long Slurm is asked whether the jobs are gone. One that was running may take longer (KillWait): it is told
to end."""
POLL_SECONDS = (0.3, 0.7, 1.0, 2.0)
LEAST_NONCE = 8
KILLS = 30
POLL_LOCAL_SECONDS = 0.1
GRACE_SECONDS = 30.0
"""Between SIGTERM and SIGKILL of a local run."""
MOST_IDS = 500


class Outcome(NamedTuple):
    """What became of one run. did: `over` before, `cancelled`, `ending` (told to, and not gone yet) or `failed`.

    message: a clause.
    """

    id: str
    did: str
    message: str


class _Target(NamedTuple):
    """A submission of a run that is to end, and Slurm's id of its job."""

    run: Run
    submission: Submission
    job: str


def cancel(looked: Sequence[Looked], grace: float = GRACE_SECONDS) -> list[Outcome]:
    """Ends the runs, in the order in which they are given. Each is written down as cancelled before it is told."""
    done: dict[str, Outcome] = {}
    unwritten: dict[str, str] = {}
    targets: list[_Target] = []
    for each in looked:
        run, state = each.run, each.state
        newest = run.newest
        jobs = _jobs(each)
        if newest is None or (not state.active and not jobs):
            done[run.id] = Outcome(run.id, "over", f"is over already: {state.phase}")
            continue
        try:
            _note(run, newest)
        except OSError as error:  # a full disk must not keep a run alive
            unwritten[run.id] = f"; its event could not be written: {error.strerror}"
        if newest.job is None and newest.pid is None:  # it may have been written down since
            newest = read_run(run.folder).newest or newest
            jobs += [newest.job] if newest.job else []
        if newest.kind == "local":
            done[run.id] = _end_local(run, newest, grace)
        elif jobs:
            targets += [_Target(run, newest, job) for job in jobs]
        else:
            # Its submitter ends it: `withdrawn`.
            done[run.id] = Outcome(run.id, "cancelled", "had no job yet")
    if targets:
        done |= _end_jobs(targets)
    found = [done[each.run.id] for each in looked]
    return [each._replace(message=each.message + unwritten.get(each.id, "")) for each in found]


def withdrawn(folders: Iterable[Path]) -> list[Outcome]:
    """Ends those that were cancelled while they were being submitted; for who submitted, once the job is known."""
    runs = [read_run(folder) for folder in folders]
    meant = [
        run.folder
        for run in runs
        if (newest := run.newest) is not None
        and any(event.kind == "cancelled" and event.submission == newest.number for event in run.events)
    ]
    return cancel(look(meant)) if meant else []


def _jobs(looked: Looked) -> list[str]:
    """The run's jobs that may be waiting or running: the newest, and earlier ones that Slurm still has."""
    newest = looked.run.newest
    own = newest.job if newest is not None and newest.kind == "slurm" and looked.state.active else None
    return [*looked.state.also, *([own] if own else [])]


def _note(run: Run, submission: Submission) -> None:
    if not any(event.kind == "cancelled" and event.submission == submission.number for event in run.events):
        write_event(run.folder, "cancelled", submission, user=user())


def _end_jobs(targets: Sequence[_Target]) -> dict[str, Outcome]:
    """Cancels jobs and watches that they stay away. Run id → what became of it."""
    ids = [each.job for each in targets]
    refused: dict[str, str] = {}
    for some in _some(ids):
        _tell(["scontrol", "update", f"JobId={','.join(some)}", "Requeue=0"])
        refused |= _refused(_tell(["scancel", *some]), some)
    jobs = _watched(ids, refused)
    found: dict[str, Outcome] = {}
    for each in targets:
        outcome = _outcome(each, jobs, refused)
        before = found.get(each.run.id)
        if before is None or before.did in ("cancelled", "over"):
            found[each.run.id] = outcome
    return found


def _watched(ids: Sequence[str], refused: Mapping[str, str]) -> Mapping[str, Job] | None:
    """Slurm's word on the jobs once none of them waits or runs, or when WATCH_SECONDS have gone by; None: no answer."""
    end = time.monotonic() + WATCH_SECONDS
    polls = list(POLL_SECONDS)
    while True:
        time.sleep(polls.pop(0) if len(polls) > 1 else polls[0])
        jobs, silent = in_queue(ids)
        if silent:
            return None
        back = [key for key in ids if key in jobs and waits(jobs[key].state) and key not in refused]
        on = [key for key in ids if key in jobs and runs(jobs[key].state)]
        for some in _some(back):
            _tell(["scancel", *some])
        if (not back and not on) or time.monotonic() > end:
            return jobs


def _outcome(target: _Target, jobs: Mapping[str, Job] | None, refused: Mapping[str, str]) -> Outcome:
    id_, job = target.run.id, target.job
    if job in refused:
        return Outcome(id_, "failed", f"job {job}: scancel says: {refused[job]}")
    if jobs is None:
        return Outcome(id_, "ending", f"job {job}: Slurm took it, and does not say what became of it")
    word = jobs.get(job)
    if word is None or not (waits(word.state) or runs(word.state)):
        return Outcome(id_, "cancelled", f"job {job}")
    if waits(word.state):
        return Outcome(id_, "failed", f"job {job} is in the queue again ({word.reason or word.state})")
    return Outcome(id_, "ending", f"job {job}: Slurm has told it to end, and kills what is left of it")


def _some(ids: Iterable[str]) -> list[list[str]]:
    listed = list(ids)
    return [listed[at : at + MOST_IDS] for at in range(0, len(listed), MOST_IDS)]


def _tell(command: Sequence[str]) -> str:
    """What a command of Slurm's said on stderr; "" where it had nothing to say."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
            timeout=2 * LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not answer within {2 * LIMIT_SECONDS:g} s"
    except OSError as error:
        return f"{command[0]} cannot be run: {error.strerror}"
    return done.stderr.decode("utf-8", "replace") if done.returncode or done.stderr else ""


_OF_JOB = re.compile(r"job id (\d+(?:_\d+)?)(?:\s*:)?\s*(.*)")
_GONE = ("Invalid job id", "already completing or completed", "Job has already finished")


def _refused(said: str, ids: Sequence[str]) -> dict[str, str]:
    """Job → why scancel did not take it. That it is over is no refusal. What names no job is said of all."""
    found: dict[str, str] = {}
    general = ""
    for line in said.splitlines():
        words = re.sub(r"^scancel: (?:error: )?", "", line.strip())
        if not words or any(gone in words for gone in _GONE):
            continue
        job = _OF_JOB.search(words)
        if job and job[1] in ids:
            found[job[1]] = job[2] or words
        else:
            general = words
    return {each: general for each in ids if general and each not in found} | found


def _end_local(run: Run, submission: Submission, grace: float) -> Outcome:
    """SIGTERM to the run's process group, then SIGKILL to whatever of it is left.

    Of the run is what has its nonce in its environment, and what descends from such a process: verl has a session of
    its own. So a process that only has the number of one of the run's, whatever its files say, is let be.
    """
    pid = submission.pid
    if pid is not None:
        alive = life(pid, submission.pid_started, submission.boot, submission.host, socket.gethostname())
        if alive == "elsewhere":
            return Outcome(run.id, "failed", f"is a process of {submission.host}: cancel it there")
    seen = _of_run(submission)
    if not seen:
        return Outcome(run.id, "cancelled", "no process of it lives")
    leaders = {(each, began) for each, began in seen if each == pid}
    for each, _ in leaders:
        _signal_group(each, signal.SIGTERM)
    told = False
    end = time.monotonic() + grace
    while (left := _living(seen)) and time.monotonic() < end:
        if not told and not leaders & left:  # nobody is left who would tell the others
            told = True
            _signal(left, signal.SIGTERM)
        time.sleep(POLL_LOCAL_SECONDS)
    left |= _of_run(submission)
    if not left:
        return Outcome(run.id, "cancelled", f"pid {pid}")
    for _ in range(KILLS):  # what a dying process still starts is found by its nonce
        _signal(left, signal.SIGKILL)
        time.sleep(POLL_LOCAL_SECONDS)
        left = _living(left) | _of_run(submission)
        if not left:
            return Outcome(run.id, "cancelled", f"pid {pid}, killed after {grace:g} s")
    pids = ", ".join(str(each) for each, _ in sorted(left)[:5])
    return Outcome(run.id, "failed", f"processes of it cannot be killed: {pids}")


def _of_run(submission: Submission) -> set[tuple[int, int]]:
    """(pid, start) of the submission's processes that live."""
    if len(submission.nonce) < LEAST_NONCE:
        return set()
    own = set(with_variable(NONCE, submission.nonce))
    below = descendants(pid for pid, _ in own) if own else set()
    return {(pid, began) for pid, began in own | below if pid > 1 and pid != os.getpid()}


def _living(seen: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    return {(pid, began) for pid, began in seen if started(pid) == began}


def _signal(seen: Iterable[tuple[int, int]], number: int) -> None:
    for pid, began in seen:
        if started(pid) == began:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def _signal_group(pid: int, number: int) -> None:
    """The group is the run's own only where its process leads it."""
    with suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid and pid != os.getpgrp():
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
