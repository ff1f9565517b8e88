"""The attempts of a run: each start of each submission, from its events and from Slurm's rows of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from toolspec.backends.launch.runs import Event, Run
from toolspec.backends.launch.slurm.ask import Job
from toolspec.backends.launch.values import inner, real, text, whole


class Cause(NamedTuple):
    """Why an attempt ended, as ts_job.py found it: docs/runs.md has the kinds. step: the last one seen, or None."""

    kind: str
    message: str
    fix: str
    step: int | None


class Attempt(NamedTuple):
    """One start of a submission's job. Times are epoch seconds, by the clock of the node that wrote them.

    began: None where Slurm started it and the job wrote nothing. resumed: the step it went on from, 0 for the
    beginning, None where it is not known. ready: Ray is up, and verl was started. ending: it is being ended for this
    reason, "". code: of the job; next: `requeue`, `stop` or `done`; both None and "" before its end. lost: Slurm says
    that it is over, in this state, and the job never wrote so. last: the time of its newest event.
    """

    submission: int
    restart: int
    job: str | None
    began: float | None
    ended: float | None
    ready: bool
    resumed: int | None
    nodes: tuple[str, ...]
    gpus: int | None
    ending: str
    over: bool
    code: int | None
    cause: Cause | None
    next: str
    why: str
    lost: str
    last: float | None


def attempts(run: Run, jobs: Mapping[int, Job | None]) -> tuple[Attempt, ...]:
    """All attempts, in the order in which they ran. jobs: submission → Slurm's word on its job, if there is one."""
    keyed: dict[tuple[int, int], list[Event]] = {}
    for event in run.events:
        if event.kind not in _NOT_OF_AN_ATTEMPT:
            keyed.setdefault((event.submission, event.restart), []).append(event)
    made = {key: _of(key, events) for key, events in keyed.items()}
    for number, job in jobs.items():
        if job is not None:
            for restart, row in enumerate((*job.earlier, job)):
                _add(made, number, restart, row)
    return tuple(made[key] for key in sorted(made))


_NOT_OF_AN_ATTEMPT = frozenset({"submitted", "cancelled", "forgotten"})
_RUNS = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"})
_WAITS = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"})


def waits(state: str) -> bool:
    """Whether a job in this state of Slurm's has no nodes yet, or not again."""
    return state in _WAITS or state == "RESV_DEL_HOLD"


def runs(state: str) -> bool:
    """Whether a job in this state has nodes."""
    return state in _RUNS


def _of(key: tuple[int, int], events: Iterable[Event]) -> Attempt:
    now = Attempt(*key, None, None, None, False, None, (), None, "", False, None, None, "", "", "", None)
    for event in events:
        said = event.fields
        now = now._replace(job=event.job or now.job, last=max(now.last or event.time, event.time))
        if event.kind == "began":
            now = now._replace(
                began=event.time,
                nodes=_hosts(said),
                gpus=whole(said, "gpus"),
                resumed=whole(said, "resumed_from") if said.get("resumed_from") is not None else 0,
            )
        elif event.kind == "started":
            resumed = whole(said, "resume_from")
            now = now._replace(ready=True, resumed=now.resumed if resumed is None else resumed)
        elif event.kind == "ending":
            now = now._replace(ending=text(said, "why") or "it was told to end")
        elif event.kind == "ended":
            now = now._replace(
                over=True,
                ended=event.time,
                code=_code(said),
                cause=_cause(inner(said, "cause")),
                next=text(said, "next") or "",
                why=text(said, "why") or "",
            )
    return now


def _hosts(said: Mapping[str, object]) -> tuple[str, ...]:
    nodes = said.get("nodes")
    return tuple(each for each in nodes if isinstance(each, str)) if isinstance(nodes, list) else ()


def _code(said: Mapping[str, object]) -> int | None:
    code = said.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 1 << 31 else None


def _cause(said: Mapping[str, object]) -> Cause | None:
    kind = text(said, "kind")
    if kind is None:
        return None
    return Cause(kind, text(said, "message") or "", text(said, "fix") or "", whole(said, "step"))


def _add(made: dict[tuple[int, int], Attempt], number: int, restart: int, row: Job) -> None:
    """Lay Slurm's row of an attempt over what the job wrote of it: what it could not write itself."""
    key = (number, restart)
    if waits(row.state) and row.state != "REQUEUED":
        return  # it has not begun
    if row.started is None or (row.ended is not None and row.ended < row.started):
        return  # it never had nodes
    there = made.get(key)
    if there is None:
        if restart > max((r for n, r in made if n == number), default=-1) + 1:
            return  # rows and restarts do not count alike: then the events alone are believed
        there = Attempt(
            *key, row.id, None, None, False, None, (), None, "", False, None, None, "", "", "", None
        )
    over = not runs(row.state) and row.ended is not None
    made[key] = there._replace(
        job=there.job or row.id,
        began=there.began if there.began is not None else row.started,
        ended=row.ended if over and not there.over else there.ended,
        lost=row.state if over and not there.over else "",
        last=there.last,
    )


def gpu_hours(run: Run, tries: Iterable[Attempt], now: float, active: bool) -> float:
    """GPU-hours of all attempts so far: nodes × GPUs × time. One without an end counts to its last event, or to `now`
    where it is the last and the run is `active`. An end before its beginning (a clock set back) counts as none."""
    listed = list(tries)
    total = 0.0
    for each in listed:
        if each.began is None:
            continue
        end = each.ended if each.ended is not None else each.last
        if each is listed[-1] and active and each.ended is None:
            end = now
        total += max(0.0, (end or each.began) - each.began) / 3600 * run.nodes * run.gpus
    return total


def last_step(tries: Iterable[Attempt]) -> int | None:
    """The last step that an end told."""
    steps = [real({"step": each.cause.step}, "step") for each in tries if each.cause is not None]
    known = [step for step in steps if step is not None]
    return int(known[-1]) if known else None
