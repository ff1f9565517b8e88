"""The seven metrics of a run by step: three from the reward's records, four from verl's log."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from toolspec.backends.launch.report.evidence import Evidence, gather
from toolspec.backends.launch.report.records import Sums
from toolspec.backends.verl.logged import EXACT_ZERO, LOSS_MODE, SEVEN, WITHOUT, Metric
from toolspec.specs.problem import Problem, ProblemError


class Row(NamedTuple):
    """One step. records: trajectories recorded so far. values: by the names of SEVEN, None where there is none.

    logged: every metric of verl's log. done: whether verl has logged the step.
    """

    step: int
    records: int
    values: Mapping[str, float | None]
    logged: Mapping[str, float]
    done: bool


class Metrics(NamedTuple):
    """rows: of training. validation: of the records of validation, with `score` beside. notes: (metric, why) of what
    is missing or needs a word. planned: steps of the whole run. sources: files that the log's metrics are from.
    """

    run: str
    verl: str
    rows: tuple[Row, ...]
    validation: tuple[Row, ...]
    notes: tuple[tuple[str, str], ...]
    planned: int | None
    sources: tuple[str, ...]
    record_files: int


def run_metrics(path: Path) -> Metrics:
    """Raises ProblemError: no run's folder (TS054), or one in which no step has come yet (TS953)."""
    from toolspec.backends.launch.report.checks.steps import planned_steps

    seen = gather(path)
    course, records = seen.course, seen.records
    done = set(course.trained)
    rows = tuple(
        Row(
            step,
            records.train[step].records if step in records.train else 0,
            _values(records.train.get(step), course.steps.get(step, {})),
            course.steps.get(step, {}),
            step in done,
        )
        for step in sorted(done | set(records.train))
    )
    validation = tuple(
        Row(
            step,
            sums.records,
            {**_recorded(sums), "score": sums.mean_score},
            {k: v for k, v in course.steps.get(step, {}).items() if k.startswith("val-")},
            step in course.steps,
        )
        for step, sums in records.val.items()
    )
    if not rows and not validation and not course.steps:
        raise _nothing(seen)
    validation = validation or tuple(
        Row(step, 0, dict.fromkeys((*_recorded(Sums()), "score")), metrics, done=True)
        for step, metrics in course.steps.items()
        if step not in done
    )
    return Metrics(
        seen.folder.name,
        seen.release.version if seen.release is not None else "",
        rows,
        validation,
        tuple(dict.fromkeys(_notes(seen, rows))),
        planned_steps(seen)[0],
        course.sources,
        records.files,
    )


def _recorded(sums: Sums) -> dict[str, float | None]:
    return {
        "task_success_rate": sums.success_rate,
        "tool_parse_success_rate": sums.parse_rate,
        "avg_tool_calls": sums.calls,
    }


def _values(sums: Sums | None, logged: Mapping[str, float]) -> dict[str, float | None]:
    recorded = _recorded(sums or Sums())
    return {
        metric.name: recorded[metric.name] if metric.key is None else logged.get(metric.key)
        for metric in SEVEN
    }


def _nothing(seen: Evidence) -> ProblemError:
    """What there is instead of metrics."""
    logs = ", ".join(attempt.log for attempt in seen.course.attempts) or "no log"
    where = "no event" if not seen.folder.events else f"the last event is `{seen.folder.events[-1]['kind']}`"
    message = (
        f"{seen.folder.name} has no metrics yet: no step in {logs}, no records in trajectories/; {where}"
    )
    unread = "; ".join(f"{file} cannot be read: {why}" for file, why in seen.unread)
    fix = "the first step is logged when it is done; the log says how far the run is"
    return ProblemError((Problem("TS953", "no-metrics-yet", message, why=unread, fix=fix),))


def _notes(seen: Evidence, rows: tuple[Row, ...]) -> Iterator[tuple[str, str]]:
    under_way = [row for row in rows if not row.done]
    for metric in SEVEN:
        values = [row.values[metric.name] for row in rows if row.done or metric.key is None]
        if values and all(value is None for value in values):
            yield metric.name, _why_none(seen, metric)
        elif any(value is None for value in values):
            yield metric.name, _why_some(metric)
    if rows and any(row.done for row in rows):
        measured = [row.values["actor/ppo_kl"] for row in rows if row.done]
        if all(value == 0 for value in measured if value is not None) and None not in measured:
            yield "actor/ppo_kl", EXACT_ZERO
    if under_way:
        told = ", ".join(f"{row.step} ({row.records:,} records)" for row in under_way[:4])
        more = f" and {len(under_way) - 4} more" if len(under_way) > 4 else ""
        yield "step", f"not in verl's log yet: {told}{more}"
    if seen.records.total.unsplit:
        said = "rows do not say whether they are of training or validation (extra_info.split): all count as training"
        yield "task_success_rate", said
    if seen.course.repeated:
        repeated = seen.course.repeated
        span = f"{repeated[0]}" if len(repeated) == 1 else f"{repeated[0]} to {repeated[-1]}"
        yield "step", f"{span} trained again after a restart: shown as the later attempt had them"
    for file, why in seen.unread:
        yield "step", f"{file} cannot be read: {why}"


def _why_none(seen: Evidence, metric: Metric) -> str:
    if metric.key is None:
        if not seen.records.files:
            return "there are no records in trajectories/"
        if metric.name == "task_success_rate":
            return "the reward has no term `correct`, or is a function of your own"
        if not any(sums.reading for sums in seen.records.train.values()):
            return "the reward is a function of your own: it does not read the calls"
        return "no call was opened"
    if not seen.course.sources:
        return "there is no log of verl's with metrics"
    mode = seen.setting(LOSS_MODE)
    version = seen.release.version if seen.release is not None else ""
    if isinstance(mode, str) and mode in WITHOUT.get(version, {}).get(metric.name, ()):
        return f"the policy loss {mode} of verl {version} does not log it"
    return metric.absent


def _why_some(metric: Metric) -> str:
    if metric.key is None:
        return "a step without: no record of it, or no call in it"
    return f"a step without: {metric.absent}"


def finite(value: float | None) -> float | None:
    """As JSON has it: null for NaN and infinities."""
    return value if value is not None and math.isfinite(value) else None
