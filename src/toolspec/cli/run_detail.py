"""One run in detail: what `status RUN` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toolspec.cli.output import obeying_nothing, paint
from toolspec.cli.run_rows import (
    NOTHING,
    STYLES,
    age,
    cut,
    duration,
    end_of,
    job_of,
    moment,
    number,
    remarks,
    said,
    shown_id,
    spent,
    step_of,
    validates,
)
from toolspec.cli.terminal import width

if TYPE_CHECKING:
    from toolspec.backends.launch.attempts import Attempt
    from toolspec.backends.launch.checkpoints import Checkpoints
    from toolspec.backends.launch.look import Looked

MOST_ATTEMPTS = 12
_LABEL = 13


def detail(looked: Looked, found: Checkpoints, now: float) -> Iterator[str]:
    """State, figures, checkpoints, attempts, and what to call next."""
    run, state = looked.run, looked.state
    old = age(looked, now)
    since = f"  submitted {duration(old)} ago" if old is not None else ""
    yield f"{paint(shown_id(looked), '1')}  {paint(state.phase, STYLES[state.phase])}{since}"
    yield from remarks(looked, now)
    step, planned = step_of(looked), run.steps
    if validates(looked):
        yield _row("step", "none: the model is validated as it is")
    elif step is not None or planned is not None:
        done = f", {100 * step / planned:.0f} %" if step is not None and planned else ""
        yield _row(
            "step", f"{NOTHING if step is None else step} of {'?' if planned is None else planned}{done}"
        )
    if looked.progress.score is not None:
        yield _row("score", f"{number(looked.progress.score, 4)}, critic/score/mean of that step")
    if looked.progress.success is not None:
        judged = looked.progress.judged
        yield _row(
            "success", f"{number(looked.progress.success)}, of the newest {judged} training trajectories"
        )
    limit = f", time until {moment(state.limit)}" if state.limit is not None and state.limit > now else ""
    yield _row("job", f"{job_of(looked)}, {run.nodes} × {run.gpus} GPUs{_where(looked)}{limit}")
    budget = f" of {run.gpu_hours:g}" if run.gpu_hours is not None else ""
    yield _row("gpu-hours", f"{spent(looked, now):.2f}{budget}")
    if not validates(looked):
        yield _row("checkpoints", _checkpoints(found))
    yield _row("verl", f"{run.verl or NOTHING}{f', trainer {run.trainer}' if run.trainer else ''}")
    if run.spec:
        yield _row("spec", run.spec)
    if run.sweep is not None:
        values = ", ".join(f"{path}: {value}" for path, value in run.sweep.values.items())
        yield _row("sweep", f"{run.sweep.id}: {values}")
    yield _row("folder", str(run.folder))
    for fault in run.faults:
        yield _row("unreadable", fault)
    yield from _attempts(looked, now)
    for number_, line in enumerate(_next(looked)):
        yield f"{'      ' if number_ else 'next  '}{line}"


def _row(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{cut(obeying_nothing(' '.join(text.split())), 2 * width())}"


def _where(looked: Looked) -> str:
    nodes = looked.state.attempts[-1].nodes if looked.state.attempts else ()
    if not nodes:
        return ""
    shown = ", ".join(nodes[:4]) + (", …" if len(nodes) > 4 else "")
    return f" on {shown}"


def _checkpoints(found: Checkpoints) -> str:
    aside = f"; set aside half-written: step {', '.join(map(str, found.aside))}" if found.aside else ""
    if found.elsewhere:
        return f"in {found.elsewhere}, which cannot be told from here{aside}"
    if not found.steps:
        return f"none yet{aside}"
    kept = ", ".join(map(str, found.steps[-6:]))
    kept = f"… {kept}" if len(found.steps) > 6 else kept
    newest = f"step {found.newest}, " if found.newest is not None else ""
    return f"{newest}there are {len(found.steps)}: {kept}{aside}"


def _attempts(looked: Looked, now: float) -> Iterator[str]:
    tries = looked.state.attempts
    if not tries:
        return
    hidden = max(0, len(tries) - MOST_ATTEMPTS)
    rows = [("attempt", "job", "began", "lasted", "from step", "end")]
    for place, each in enumerate(tries[hidden:], hidden + 1):
        goes_on = each is tries[-1] and looked.state.active
        rows.append(
            (
                str(place),
                obeying_nothing(each.job or NOTHING),
                moment(each.began),
                _lasted(each, goes_on, now),
                NOTHING if each.resumed is None else str(each.resumed),
                end_of(each) or ("" if goes_on else "no end was written"),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        head = "  ".join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=False))
        lines = said(row[-1], 0)
        room = width() - len(head) - 4
        short = " ".join(line.strip() for line in lines)
        line = f"  {head}  {cut(short, max(room, 12))}".rstrip()
        yield paint(line, "1") if row is rows[0] else line
    if hidden:
        yield f"  {hidden} earlier ones are in --format json"


def _lasted(attempt: Attempt, goes_on: bool, now: float) -> str:
    end = attempt.ended if attempt.ended is not None else (now if goes_on else attempt.last)
    if attempt.began is None or end is None:
        return NOTHING
    return duration(end - attempt.began)


def _next(looked: Looked) -> tuple[str, ...]:
    name = shown_id(looked)
    if looked.state.phase in ("failed", "lost", "cancelled"):
        words = ("logs {}", "resubmit {}")
    elif looked.state.active:
        words = ("logs {} -f", "cancel {}")
    else:
        words = ("metrics {}", "audit {}")
    return tuple(f"toolspec {word.format(name)}" for word in words)
