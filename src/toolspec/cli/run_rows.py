"""Runs as rows of a table and as JSON: what `runs` and `status` share."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolspec.cli.output import obeying_nothing, paint
from toolspec.cli.terminal import width, wrapped

if TYPE_CHECKING:
    from toolspec.backends.launch.attempts import Attempt
    from toolspec.backends.launch.look import Looked

STYLES: Mapping[str, str] = {
    "running": "32",
    "done": "32",
    "failed": "31",
    "lost": "31",
    "pending": "33",
    "requeued": "33",
    "starting": "36",
    "ending": "36",
    "cancelled": "2",
    "unsubmitted": "2",
}
NOTHING = "–"
LONGEST_ID = 34


def duration(seconds: float) -> str:
    """`45s`, `2m`, `3h12`, `2d04h`: two units at most. Negative ones, by clocks that differ, are 0."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def moment(at: float | None) -> str:
    """A time of this zone to the minute; a dash where there is none, or none that a calendar has."""
    if at is None:
        return NOTHING
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
    except (ValueError, OverflowError, OSError):
        return NOTHING


def number(value: float | None, digits: int = 2) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def steps(looked: Looked) -> str:
    """Steps done of those planned; `val` where nothing is trained."""
    if validates(looked):
        return "val"
    step, planned = step_of(looked), looked.run.steps
    if step is None and planned is None:
        return NOTHING
    return f"{NOTHING if step is None else step}" + (f"/{planned}" if planned is not None else "")


def validates(looked: Looked) -> bool:
    """Whether the newest submission is one of `submit --validate-only`."""
    return looked.run.newest is not None and looked.run.newest.validate_only


def step_of(looked: Looked) -> int | None:
    """The last step by the log, or else by the end that the run wrote."""
    from toolspec.backends.launch.attempts import last_step

    return looked.progress.step if looked.progress.step is not None else last_step(looked.state.attempts)


def age(looked: Looked, now: float) -> float | None:
    """Seconds since the newest submission, or since the run was made."""
    newest = looked.run.newest
    since = newest.submitted if newest is not None and newest.submitted is not None else looked.run.created
    return None if since is None else max(0.0, now - since)


def spent(looked: Looked, now: float) -> float:
    """GPU-hours so far."""
    from toolspec.backends.launch.attempts import gpu_hours
    from toolspec.backends.launch.verdict import ON_NODES

    return gpu_hours(looked.run, looked.state.attempts, now, looked.state.phase in ON_NODES)


def job_of(looked: Looked) -> str:
    newest = looked.run.newest
    if newest is None:
        return NOTHING
    if newest.kind == "local":
        return f"pid {newest.pid}" if newest.pid is not None else "local"
    return newest.job or NOTHING


def table(looked: Sequence[Looked], now: float) -> Iterator[str]:
    """A line a run, and below what a reader must know of it: why it waits or failed, and what to change."""
    rows = [("run", "state", "step", "score", "success", "age", "job")]
    for each in looked:
        old = age(each, now)
        rows.append(
            (
                cut(shown_id(each), LONGEST_ID),
                each.state.phase,
                steps(each),
                number(each.progress.score),
                number(each.progress.success),
                NOTHING if old is None else duration(old),
                job_of(each),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    yield paint(_line(rows[0], widths), "1")
    for each, row in zip(looked, rows[1:], strict=True):
        line = _line(row, widths)
        phase = f"{row[1]:<{widths[1]}}"
        at = widths[0] + 2
        yield line[:at] + paint(phase, STYLES[row[1]]) + line[at + len(phase) :]
        yield from remarks(each, now)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip()


def shown_id(looked: Looked) -> str:
    """The id on one line: a folder's name may hold anything."""
    return _plain(looked.run.id) or NOTHING


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def remarks(looked: Looked, now: float) -> Iterator[str]:
    """What belongs below a run's line: reasons, repairs, restarts, and how old the news is."""
    state = looked.state
    if looked.run.sweep is not None and looked.run.sweep.values:
        values = looked.run.sweep.values.items()
        yield from said(", ".join(f"{path} {_short(value)}" for path, value in values), 2)
    if state.why:
        yield from said(state.why, 2)
    if state.starts is not None and state.phase in ("pending", "requeued") and state.starts > now:
        yield from said(f"may begin in {duration(state.starts - now)}, by Slurm's reckoning", 2)
    if state.fix and state.phase in ("failed", "lost", "pending", "requeued"):
        yield from said(f"try: {state.fix}", 2)
    if state.restarts and state.phase != "requeued":
        yield from said(restarts(looked), 2)
    for note in state.notes:
        yield from said(note, 2)
    if state.silent:
        old = "" if state.news is None else f", {duration(now - state.news)} old"
        yield from said(f"by its own files{old}", 2)


def silence(looked: Iterable[Looked]) -> list[str]:
    """What is said once for all of them where Slurm does not answer."""
    why = next((each.state.silent for each in looked if each.state.silent), "")
    return (
        said(f"Slurm does not answer ({why}): the states are what the runs wrote themselves", 0)
        if why
        else []
    )


def restarts(looked: Looked) -> str:
    """How often the newest submission was started again, and why."""
    state = looked.state
    own = [each for each in state.attempts if each.submission == state.submission]
    whys = [why for each in own[:-1] if (why := end_of(each))] if own else []
    many = (
        f"restart {state.restarts}"
        if state.active
        else f"{state.restarts} restart{'s' * (state.restarts > 1)}"
    )
    return f"{many}: {'; '.join(dict.fromkeys(whys))}" if whys else many


def end_of(attempt: Attempt) -> str:
    """How an attempt ended, in a few words; "" while it goes on."""
    if attempt.cause is not None and attempt.cause.kind == "done":
        return "done"
    if attempt.cause is not None:
        return attempt.cause.message or attempt.cause.kind.replace("-", " ")
    if attempt.over:
        return attempt.why or (f"exit code {attempt.code}" if attempt.code is not None else "ended")
    if attempt.lost:
        return {"REQUEUED": "queued again", "PREEMPTED": "preempted", "NODE_FAIL": "a node failed"}.get(
            attempt.lost, attempt.lost.lower().replace("_", " ")
        )
    return attempt.ending


def said(text: str, indent: int) -> list[str]:
    """Text of others, wrapped; a blank or long word cannot break the page."""
    return wrapped(_plain(text)[: 12 * width()], indent)


def _plain(text: str) -> str:
    """On one line, also without the styles that `paint` writes: nobody painted this."""
    return obeying_nothing(" ".join(text.split()).replace("\x1b", "\\x1b"))


def document(looked: Looked, now: float) -> dict[str, Any]:
    """The run as JSON. Times are epoch seconds; null: not known, or none."""
    run, state = looked.run, looked.state
    cause = state.cause
    return {
        "id": run.id,
        "name": run.name,
        "folder": str(run.folder.absolute()),
        "state": state.phase,
        "why": state.why,
        "fix": state.fix,
        "exit_code": state.code,
        "cause": None if cause is None else cause._asdict(),
        "step": step_of(looked),
        "planned": run.steps,
        "validate_only": validates(looked),
        "score": looked.progress.score,
        "success": looked.progress.success,
        "judged": looked.progress.judged,
        "created": run.created,
        "age_seconds": age(looked, now),
        "kind": run.newest.kind if run.newest is not None else None,
        "job": state.job,
        "submission": state.submission,
        "restarts": state.restarts,
        "starts": state.starts,
        "limit": state.limit,
        "source": state.source,
        "news_seconds": None if state.news is None else max(0.0, now - state.news),
        "gpu_hours": round(spent(looked, now), 4),
        "budget_gpu_hours": run.gpu_hours,
        "nodes": run.nodes,
        "gpus": run.gpus,
        "verl": run.verl,
        "spec": run.spec,
        "sweep": None
        if run.sweep is None
        else {"id": run.sweep.id, "point": run.sweep.point, "values": dict(run.sweep.values)},
        "attempts": [_attempt(each) for each in state.attempts],
        "silent": state.silent or None,
        "notes": list(state.notes),
        "faults": list(run.faults),
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "submission": attempt.submission,
        "restart": attempt.restart,
        "job": attempt.job,
        "began": attempt.began,
        "ended": attempt.ended,
        "resumed_from": attempt.resumed,
        "nodes": list(attempt.nodes),
        "exit_code": attempt.code,
        "cause": None if attempt.cause is None else attempt.cause._asdict(),
        "next": attempt.next,
        "slurm": attempt.lost or None,
    }


def documents(looked: Iterable[Looked], now: float) -> dict[str, Any]:
    return {"version": 1, "time": now, "runs": [document(each, now) for each in looked]}
