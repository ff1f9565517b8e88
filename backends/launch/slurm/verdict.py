"""The phase of a run's newest submission where Slurm has a word on its job. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from toolspec.backends.launch.attempts import Attempt, runs, waits
from toolspec.backends.launch.slurm.ask import OVER, Job, Words
from toolspec.backends.launch.slurm.reasons import ENDS, meaning
from toolspec.backends.launch.verdict import ACTIVE, Verdict, by_files, ended, message, tells


def by_slurm(job: Job, words: Words, last: Attempt | None, cancelled: bool) -> Verdict:
    """Slurm has a word on the job. cancelled: by `toolspec cancel`."""
    if job.source == "sacct" and job.state not in OVER:
        return _by_accounting(job, words, last, cancelled)
    return _by_word(job, last, cancelled)


def _by_accounting(job: Job, words: Words, last: Attempt | None, cancelled: bool) -> Verdict:
    """sacct says that the job is not over, and squeue does not answer, or does not know it: then it is over."""
    over = not waits(job.state) and not runs(job.state)
    verdict = _by_word(job, last, cancelled)
    if words.queue and waits(job.state) and last is not None and _further(last, job):
        return by_files(last, cancelled)._replace(silent=words.queue)
    if words.queue:
        again = "; whether it is queued again is not known" if over else ""
        return verdict._replace(note=f"{words.queue}: this is the word of accounting alone{again}")
    if over:
        return verdict
    own = by_files(last, cancelled)
    if own.phase not in ACTIVE:
        return own
    why = f"accounting has job {job.id} as {job.state}, and no such job waits or runs"
    return Verdict("lost", why, "toolspec resubmit", "slurm")


def _further(last: Attempt, job: Job) -> bool:
    """Whether the run wrote of an attempt that accounting does not have yet: it may be minutes behind."""
    return last.last is not None and last.restart >= len(job.earlier)


def _by_word(job: Job, last: Attempt | None, cancelled: bool) -> Verdict:
    if waits(job.state):
        return _waiting(job, last)
    if runs(job.state):
        return _running(job, last)
    if job.state == "COMPLETED":
        if last is not None and last.over and (last.code not in (0, None) or last.next == "requeue"):
            return ended(last, "slurm")
        return Verdict("done", source="slurm")
    if job.state == "CANCELLED":
        return _cancelled(job, last, cancelled)
    return _over(job, last, cancelled)


def _waiting(job: Job, last: Attempt | None) -> Verdict:
    again = (
        last is not None
        or bool(job.restarts)
        or bool(job.earlier)
        or job.state in ("REQUEUED", "REQUEUE_HOLD")
    )
    told = meaning(job.reason)
    words = told.words
    if job.state == "CONFIGURING":
        return Verdict("starting", "its nodes are being made ready", source="slurm")
    if job.state in ("SPECIAL_EXIT", "REQUEUE_HOLD"):
        told = meaning("job requeued in held state")
        words = told.words
    if not again:
        return Verdict("pending", words, _fix(told.fix, job), "slurm")
    before = _why_again(job, last)
    if job.reason == "BeginTime":
        words = "Slurm lets it begin in a moment"
    if told.never and before == _AGAIN["REQUEUED"]:
        before = ""  # the reason says it too
    return Verdict("requeued", f"{before}; {words}" if before else words, _fix(told.fix, job), "slurm")


def _fix(fix: str, job: Job) -> str:
    return fix.replace("JOB", job.id) if "scontrol" in fix else fix


def _why_again(job: Job, last: Attempt | None) -> str:
    """Why the attempt before this one ended, in a few words."""
    if last is not None and last.over:
        return last.cause.message if last.cause is not None and last.cause.message else last.why
    if last is not None and last.ending:
        return last.ending
    state = job.earlier[-1].state if job.earlier else (last.lost if last is not None else "")
    return _AGAIN.get(state, "")


_AGAIN: Mapping[str, str] = {
    "PREEMPTED": "a job of higher priority took its nodes",
    "NODE_FAIL": "a node failed",
    "REQUEUED": "it was queued again",
    "TIMEOUT": "time limit",
}


def _running(job: Job, last: Attempt | None) -> Verdict:
    """The attempt that Slurm runs now may not have written anything yet."""
    # Without squeue the number of restarts is that of earlier rows; events know better where they are ahead.
    restart = job.restarts if job.restarts is not None else len(job.earlier)
    current = last if last is not None and last.restart >= restart else None
    if job.state in ("SUSPENDED", "STOPPED"):
        return Verdict("running", "Slurm has suspended it", source="slurm")
    if current is not None and current.over:
        return _closing(current)
    if current is not None and current.ending:
        return Verdict("ending", current.ending, source="slurm")
    if job.state in ("COMPLETING", "STAGE_OUT"):
        return Verdict("ending", "Slurm is clearing up behind it", source="slurm")
    if current is None or not current.ready:
        wrote = current is not None and current.last is not None
        return Verdict("starting", "Ray is coming up" if wrote else "its job has begun", source="slurm")
    return Verdict("running", source="slurm")


def _closing(last: Attempt) -> Verdict:
    """The attempt wrote its end, and its job is not over yet."""
    if last.next == "requeue":
        return Verdict("ending", f"{message(last)}; it will be queued again", source="slurm")
    verdict = ended(last, "slurm")
    return verdict._replace(note="Slurm is still clearing up behind it")


def _cancelled(job: Job, last: Attempt | None, by_us: bool) -> Verdict:
    who = "by toolspec cancel" if by_us else (f"by user id {job.by}" if job.by else "")
    if last is not None and last.over and last.code == 0:
        return Verdict("done", source="slurm")
    when = "" if last is not None or job.started is not None else "before it began"
    why = " ".join(filter(None, (who, when)))
    if not by_us and last is not None and last.over and last.cause is not None and tells(last.cause):
        return ended(last, "slurm")  # it had failed, and its job was cleared away
    if "DependencyNeverSatisfied" in job.reason:
        why = meaning(job.reason).words
    return Verdict("cancelled", why, source="slurm")


_BELIEVED: Mapping[str, frozenset[str]] = {
    "TIMEOUT": frozenset({"time-limit"}),
    "OUT_OF_MEMORY": frozenset({"host-memory", "gpu-memory"}),
    "PREEMPTED": frozenset({"preempted"}),
}
"""Kinds of cause that say more than a state of Slurm's does; other kinds then tell what followed from it."""


def _over(job: Job, last: Attempt | None, cancelled: bool) -> Verdict:
    """Slurm says that the job ended, and not well."""
    told = ENDS.get(job.state)
    at_end = last if last is not None and last.over and last.restart >= len(job.earlier) else None
    cause = at_end.cause if at_end is not None else None
    if cancelled and (cause is None or not tells(cause)):
        return Verdict("cancelled", "by toolspec cancel", source="slurm")
    if at_end is not None and at_end.code != 0:
        believed = _BELIEVED.get(job.state)
        if told is None or (cause is not None and (cause.kind in believed if believed else tells(cause))):
            return ended(at_end, "slurm")
    if told is not None:
        return Verdict("failed", told.words, told.fix, "slurm")
    return Verdict("failed", _exit(job), _OF_SIGNAL.get(job.signal, ""), "slurm")


_OF_SIGNAL: Mapping[int, str] = {
    9: "if the host ran out of memory: more cluster.slurm.memory; else toolspec logs"
}


def _exit(job: Job) -> str:
    if job.signal:
        return f"its job was ended by signal {job.signal}" + (
            ", as for want of memory" if job.signal == 9 else ""
        )
    if job.code:
        return f"its job ended with exit code {job.code}, and wrote no reason"
    return meaning(job.reason).words if job.reason else f"Slurm says {job.state}"
