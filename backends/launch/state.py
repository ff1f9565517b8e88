"""The state of a run, from what its files say, what Slurm says, and whether its process lives. Pure.

Slurm is believed on whether a job waits, runs or is over; the run's own events on how far it got and why it ended; and
where Slurm does not answer or does not know the job any more, the events alone, with their age.
"""

from __future__ import annotations

from typing import NamedTuple

from toolspec.backends.launch.attempts import Attempt, Cause, attempts, runs, waits
from toolspec.backends.launch.process import Life
from toolspec.backends.launch.runs import Run, Submission
from toolspec.backends.launch.slurm.ask import Job, Words
from toolspec.backends.launch.slurm.verdict import by_slurm
from toolspec.backends.launch.verdict import (
    ACTIVE,
    Phase,
    Verdict,
    by_files,
    by_process,
    without_slurm,
)

SAME_SUBMIT_SECONDS = 15.0
"""Between the time in a submission and Slurm's own: sbatch returns within it, or the clocks of the two differ."""


class State(NamedTuple):
    """What `status` tells. why: a clause in words. fix: the smallest thing to change, or "".

    restarts: of the newest submission. starts: when Slurm thinks that it may begin; limit: when its time is over; both
    epoch seconds. source: whose word it is, `slurm`, `process` or `files`. news: the time of the newest of the run's
    own news, by the clocks of its nodes. notes: what to know of the answer itself, one sentence each.
    silent: why Slurm does not answer, where that leaves the run's own files alone, else "".
    also: jobs of earlier submissions that wait or run as well.
    """

    phase: Phase
    submission: int | None
    job: str | None
    why: str
    fix: str
    code: int | None
    cause: Cause | None
    restarts: int
    starts: float | None
    limit: float | None
    source: str
    news: float | None
    attempts: tuple[Attempt, ...]
    notes: tuple[str, ...]
    silent: str
    also: tuple[str, ...]

    @property
    def active(self) -> bool:
        return self.phase in ACTIVE


def state_of(
    run: Run, words: Words, life: Life | None, now: float, touched: float | None = None, me: str = ""
) -> State:
    """life: of the newest submission's process where it is local, else None. now, touched: epoch seconds; touched is
    when the newest log was last written to, None where there is none. me: the user who asks, "" for no matter."""
    newest = run.newest
    jobs = {each.number: _own(run, each, words) for each in run.submissions}
    tries = attempts(run, jobs)
    if newest is None and not tries:
        return _state(
            run, None, None, (), Verdict("unsubmitted", "it was written and never submitted"), [], touched
        )
    number = newest.number if newest is not None else tries[-1].submission
    own = [each for each in tries if each.submission == number]
    last = own[-1] if own else None
    job = jobs.get(number)
    cancelled = any(event.kind == "cancelled" and event.submission == number for event in run.events)
    older = [job for each, job in sorted(jobs.items()) if each != number and job is not None and _active(job)]
    if newest is None:
        verdict = by_files(last, cancelled)
    elif newest.kind == "local":
        verdict = by_process(newest, last, life, cancelled, now)
    elif job is not None:
        verdict = by_slurm(job, words, last, cancelled)
    else:
        verdict = without_slurm(newest, words, last, cancelled, now, me)
    return _state(run, newest, job, tries, verdict, older, touched)


def _state(
    run: Run,
    newest: Submission | None,
    job: Job | None,
    tries: tuple[Attempt, ...],
    verdict: Verdict,
    older: list[Job],
    touched: float | None,
) -> State:
    number = newest.number if newest is not None else (tries[-1].submission if tries else None)
    own = [each for each in tries if each.submission == number]
    last = own[-1] if own else None
    submitted = newest.submitted if newest is not None else None
    news = [event.time for event in run.events] + [at for at in (touched, submitted) if at is not None]
    restarts = max(
        [each.restart for each in own] + ([job.restarts] if job is not None and job.restarts else [0])
    )
    over = verdict.phase not in ACTIVE
    waiting = job is not None and waits(job.state)
    return State(
        verdict.phase,
        number,
        newest.job if newest is not None else None,
        verdict.why,
        verdict.fix,
        _code(verdict.phase, last, job) if over else None,
        last.cause if last is not None and last.over else None,
        restarts,
        job.started if job is not None and waiting else None,
        job.ended if job is not None and runs(job.state) else None,
        verdict.source,
        max(news, default=None),
        tries,
        (
            *(f"job {each.id} of an earlier submission is {each.state} too" for each in older),
            *((verdict.note,) if verdict.note else ()),
        ),
        verdict.silent,
        tuple(each.id for each in older),
    )


def _code(phase: Phase, last: Attempt | None, job: Job | None) -> int | None:
    if phase == "done":
        return 0
    if last is not None and last.over:
        return last.code
    if job is not None and not waits(job.state) and not runs(job.state):
        return job.code or (128 + job.signal if job.signal else None)
    return None


def _own(run: Run, submission: Submission, words: Words) -> Job | None:
    """Slurm's word on the submission's job, None where Slurm has none or its job of that number is another one.

    Numbers begin at 1 again in a new cluster, and accounting then has rows of both jobs. Jobs bear the run's id as
    their name (a sweep's, the sweep's id), which holds 6 drawn digits; a row with another name is the run's only where
    the job of that name was submitted in the same seconds.
    """
    job = words.jobs.get(submission.job) if submission.job else None
    if job is None:
        return None
    asked = submission.parameters.get("job_name")
    names = {run.id, *({run.sweep.id} if run.sweep else ()), *({asked} if isinstance(asked, str) else ())}
    rows = (*job.earlier, job._replace(earlier=()))
    names |= {row.name for row in rows if _then(row, submission)}
    own = [row for row in rows if row.name in names]
    return own[-1]._replace(earlier=tuple(own[:-1])) if own else None


def _then(row: Job, submission: Submission) -> bool:
    at, told = row.submitted, submission.submitted
    return at is not None and told is not None and abs(at - told) <= SAME_SUBMIT_SECONDS


def _active(job: Job) -> bool:
    return waits(job.state) or runs(job.state)
