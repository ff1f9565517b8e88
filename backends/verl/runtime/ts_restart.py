"""Whether a job that ended begins again: the one decision, over what the run has seen. Pure.

It goes on where going on can help: told of its time limit, on a failure of machines, or on any error behind which the
run had got further. It stops where the same would come again: twice the same error in a row, no checkpoint within a
whole time limit, an error before the first new checkpoint, restarts or GPU-hours spent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import ts_cause

NEVER = frozenset({"faults", "refused", "cancelled", "signal", "preempted", "disk"})
"""Kinds that no restart helps, or of which Slurm decides itself."""


class Next(NamedTuple):
    """next: `done`, `requeue` or `stop`. why: for the reader."""

    next: str
    why: str


class Limits(NamedTuple):
    """restarts: of a submission. gpu_hours: of the run, None for none. gpus: of all nodes."""

    restarts: int
    gpu_hours: float | None
    gpus: int


def decide(
    cause: ts_cause.Cause,
    resumed: int,
    newest: int,
    events: list[dict[str, Any]],
    submission: int,
    limits: Limits,
    can_requeue: bool,
) -> Next:
    """resumed: step that this attempt began at. newest: of the newest whole checkpoint, 0 for none.

    events: of all attempts so far, this one's `began` among them, its end not.
    """
    if cause.kind == "done":
        return Next("done", "")
    if not can_requeue:
        return Next("stop", "it is no job that can be queued again")
    if cause.kind in NEVER:
        return Next(
            "stop", {"signal": "who sent the signal decides"}.get(cause.kind, "a restart would not help")
        )
    own = [event for event in events if event.get("submission") == submission]
    # By restart, not by time: nodes' clocks differ.
    ends = sorted(
        (event for event in own if event["kind"] == "ended"), key=lambda end: end.get("restart") or 0
    )
    restarts = sum(1 for event in own if event["kind"] == "began") - 1
    if restarts >= limits.restarts:
        return Next("stop", f"it was restarted {restarts} times, the most that cluster.slurm.restarts allows")
    if limits.gpu_hours is not None and (spent := gpu_hours(events, limits.gpus)) >= limits.gpu_hours:
        return Next("stop", f"{spent:.1f} of {limits.gpu_hours:g} GPU-hours are spent (budget.gpu_hours)")
    further = newest > resumed
    if cause.kind == "time-limit":
        if further:
            return Next("requeue", f"goes on from step {newest}")
        if any(_kind(end) == "time-limit" for end in ends[-1:]):
            fix = "a longer cluster.slurm.time, or a smaller checkpoint.every"
            return Next("stop", f"no new checkpoint within two whole time limits: {fix}")
        return Next("requeue", f"begins again at step {newest}: no new checkpoint in this time")
    if ends and str((ends[-1].get("cause") or {}).get("signature")) == cause.signature:
        return Next("stop", "the same error twice in a row")
    if further:
        return Next("requeue", f"it had got further, and goes on from step {newest}")
    if cause.kind in ts_cause.TRANSIENT:
        return Next("requeue", "a failure of machines, which may not come again")
    return Next("stop", "an error before the first new checkpoint would come again")


def _kind(end: dict[str, Any]) -> str:
    return str((end.get("cause") or {}).get("kind"))


def gpu_hours(events: list[dict[str, Any]], gpus: int) -> float:
    """What all attempts used, from their `began` to the last event of each."""
    spans: dict[tuple[Any, ...], tuple[float, float]] = {}
    for event in events:
        key = (event.get("submission"), event.get("job"), event.get("restart"))
        at = float(event.get("time") or 0)
        if event["kind"] == "began":
            spans[key] = (at, at)
        elif key in spans:
            spans[key] = (spans[key][0], max(at, spans[key][1]))
    return sum(last - first for first, last in spans.values()) / 3600 * gpus
