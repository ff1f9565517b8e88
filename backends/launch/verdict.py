"""The phase of a run's newest submission by its own files and its process, where Slurm has no word on it. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from toolspec.backends.launch.attempts import Attempt, Cause, attempts
from toolspec.backends.launch.process import Life
from toolspec.backends.launch.runs import Run, Submission
from toolspec.backends.launch.slurm.ask import Words

Phase = Literal[
    "unsubmitted",
    "pending",
    "starting",
    "running",
    "ending",
    "requeued",
    "done",
    "failed",
    "cancelled",
    "lost",
]

ACTIVE = frozenset({"pending", "starting", "running", "ending", "requeued"})
"""Phases in which a run holds or awaits nodes."""

ON_NODES = frozenset({"starting", "running", "ending"})

JUST_SUBMITTED_SECONDS = 120.0
"""How long a submission may lack its job or its process: it may be under way yet."""

UNSHOWN_SECONDS = 10.0
"""How long squeue may not know a job that sbatch gave the number of: its controller may be changing over."""


class Verdict(NamedTuple):
    """why, fix, source, silent: as in State. note: one of its notes."""

    phase: Phase
    why: str = ""
    fix: str = ""
    source: str = "files"
    note: str = ""
    silent: str = ""


def tells(cause: Cause) -> bool:
    """Whether it is a reason of its own, and not what a signal from outside looks like from inside."""
    return cause.kind not in ("done", "cancelled", "signal", "killed", "preempted", "time-limit")


def message(last: Attempt) -> str:
    """Why the attempt ended, in its own words."""
    if last.cause is not None and last.cause.message:
        return last.cause.message
    if last.why:
        return last.why
    return f"exit code {last.code}" if last.code is not None else "it ended"


def ended(last: Attempt, source: str) -> Verdict:
    """By the end that the attempt wrote itself."""
    kind = last.cause.kind if last.cause is not None else ""
    if kind == "cancelled":
        return Verdict("cancelled", "", source=source)
    if last.next == "done" or (not last.next and last.code == 0) or kind == "done":
        return Verdict("done", source=source)
    fix = last.cause.fix if last.cause is not None else ""
    why = message(last)
    if last.why and last.why not in why:
        why = f"{why}; {last.why}"
    return Verdict("failed", why, fix or "toolspec logs shows the end", source)


def by_files(last: Attempt | None, cancelled: bool) -> Verdict:
    """What the run wrote itself, and nothing else."""
    if last is None:
        if cancelled:
            return Verdict("cancelled", "before it began")
        return Verdict("pending", "nothing of it has begun")
    if last.over and cancelled and (last.next == "requeue" or last.cause is None or not tells(last.cause)):
        return Verdict("done") if last.code == 0 else Verdict("cancelled", "by toolspec cancel")
    if last.over and last.cause is not None and last.cause.kind == "preempted":
        return Verdict("requeued", f"{message(last)}; Slurm decides whether it is queued again")
    if last.over and last.next == "requeue":
        return Verdict("requeued", f"{message(last)}; {last.why}" if last.why else message(last))
    if last.over:
        return ended(last, "files")
    if cancelled:
        return Verdict("cancelled", "by toolspec cancel")
    if last.ending:
        return Verdict("ending", last.ending)
    return Verdict("running") if last.ready else Verdict("starting", "Ray is coming up")


def settled(run: Run) -> bool:
    """Whether the newest submission wrote an end of which Slurm could say nothing more."""
    newest = run.newest
    own = [event for event in run.events if newest is not None and event.submission == newest.number]
    if not own or own[-1].kind != "ended":
        return False
    last = attempts(run, {})[-1]
    return (
        last.next in ("done", "stop")
        and last.cause is not None
        and (tells(last.cause) or last.cause.kind == "done")
    )


def without_slurm(
    newest: Submission, words: Words, last: Attempt | None, cancelled: bool, now: float, me: str
) -> Verdict:
    """Slurm has nothing on the job: it does not answer, or it does not know the job (any more, or yet)."""
    verdict = by_files(last, cancelled)
    if newest.job is None:
        if verdict.phase != "pending":
            return verdict
        if _just(newest, now):
            return verdict._replace(why="it is being submitted")
        return Verdict(
            "lost", "its submission was broken off: no job was ever written down", "toolspec resubmit"
        )
    if verdict.phase not in ACTIVE:
        return verdict
    if not words.knows_all():
        return verdict._replace(silent="; ".join(filter(None, (words.accounting, words.queue))))
    if newest.user and me and newest.user != me:
        note = f"job {newest.job} is {newest.user}'s, and Slurm shows nothing of it: some hide the jobs of others"
        return verdict._replace(note=note)
    if newest.job in words.jobs:
        name = words.jobs[newest.job].name
        note = f"job {newest.job} of this cluster is another one ({name}), so Slurm says nothing of this run"
        return _lost(verdict, newest)._replace(note=note)
    if verdict.phase == "pending" and _just(newest, now, UNSHOWN_SECONDS):
        return verdict._replace(why="Slurm does not show it yet")
    return _lost(verdict, newest)


def _lost(verdict: Verdict, newest: Submission) -> Verdict:
    """Slurm knows nothing of a job that by the run's files waits or runs."""
    had = {
        "pending": "and nothing of it has begun",
        "requeued": "though it was to be queued again",
    }.get(verdict.phase, "and the run never wrote its end")
    return Verdict("lost", f"Slurm knows no job {newest.job} now, {had}", "toolspec resubmit", "slurm")


def _just(newest: Submission, now: float, seconds: float = JUST_SUBMITTED_SECONDS) -> bool:
    return newest.submitted is not None and abs(now - newest.submitted) < seconds


def by_process(
    newest: Submission, last: Attempt | None, life: Life | None, cancelled: bool, now: float
) -> Verdict:
    """life: of the submission's process on this machine; None where nobody looked."""
    verdict = by_files(last, cancelled)
    if newest.pid is None:
        if verdict.phase == "pending" and not _just(newest, now):
            return Verdict("lost", "its process was never written down", "toolspec resubmit")
        return verdict._replace(phase="starting", why="") if verdict.phase == "pending" else verdict
    if life in ("elsewhere", "unknown", None):
        if verdict.phase in ACTIVE:
            return verdict._replace(
                note=f"it is a process of {newest.host or 'another host'}, which cannot be seen from here"
            )
        return verdict
    if life in ("alive", "left"):
        note = f"process {newest.pid} was killed, and others of the run live on" if life == "left" else ""
        verdict = verdict._replace(note=note)
        if verdict.phase in ("pending", "cancelled", "lost") and not (last is not None and last.over):
            ending = verdict.phase == "cancelled"
            return Verdict(
                "ending" if ending else "starting",
                "it was cancelled" if ending else "",
                source="process",
                note=note,
            )
        if last is not None and last.over and last.next == "requeue":
            return Verdict("requeued", verdict.why, source="process", note=note)
        return verdict._replace(source="process")
    if verdict.phase not in ACTIVE:
        return verdict
    if life == "restarted":
        return Verdict("failed", "the machine was restarted while it ran", "toolspec resubmit", "process")
    why = "its process is gone and wrote no reason: it was killed, perhaps for want of memory"
    return Verdict("failed", why, "toolspec logs shows the end; toolspec resubmit", "process")
