"""How far the run came, by which attempts, and what its checkpoints were."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from toolspec.backends.launch.report.checks.shown import count, some
from toolspec.backends.launch.report.course import Attempt
from toolspec.backends.launch.report.evidence import Evidence
from toolspec.backends.launch.report.finding import Finding, State, unknown
from toolspec.backends.launch.report.folder import text_of, whole_of


def steps(seen: Evidence) -> Iterator[Finding]:
    """Steps trained against steps planned, in the light of how the last attempt ended."""
    if _evaluates(seen):
        yield Finding("steps", "ok", "the run was submitted to validate alone, and trains nothing")
        return
    trained = seen.course.trained
    if not trained:
        fix = "verl logs a step when it is done, to the console or to its `file` logger"
        yield unknown("steps", "no step of training is in the logs", fix)
        return
    planned, where = planned_steps(seen)
    end = _end(seen)
    last = trained[-1]
    first = 1 + (_begun_at(seen, min(seen.folder.submissions, default=0)) or 0)
    gone = sorted(set(range(first, last + 1)) - set(trained))
    if gone:
        message = f"of {last} steps, {count(len(gone), 'step', 'are')} in no log: {some(gone)}"
        yield Finding(
            "steps", "warning", message, f"{first} to {last}", "", f"{len(trained)} steps", _sources(seen)
        )
    if planned is None:
        yield unknown(
            "steps", f"{count(last, 'step')} done; how many were planned is not known", "budget.steps says it"
        )
    elif _smoke(seen):
        yield Finding(
            "steps", "ok", f"{count(last, 'step')} of a smoke test; {planned} are planned for the run"
        )
    elif last >= planned:
        yield Finding("steps", "ok", f"{last} of {planned} steps")
    elif end is None:
        state: State = "note"
        message = f"{last} of {planned} steps, and no event says that the run has ended"
        yield Finding("steps", state, message, str(planned), where, str(last), _sources(seen))
    else:
        cause = end.get("cause") if isinstance(end.get("cause"), dict) else {}
        assert isinstance(cause, dict)
        kind = text_of(cause.get("kind")) or "unknown"
        goes_on = end.get("next") == "requeue"
        message = f"{last} of {planned} steps; the last attempt ended: {kind}"
        if said := text_of(cause.get("message")):
            message += f", {said}"
        if goes_on:
            message += " (it is queued again)"
        yield Finding(
            "steps",
            "note" if goes_on else "error",
            message,
            str(planned),
            where,
            str(last),
            _sources(seen),
            ""
            if goes_on
            else text_of(cause.get("fix")) or "toolspec resubmit goes on from the newest checkpoint",
        )


def planned_steps(seen: Evidence) -> tuple[int | None, str]:
    """(steps of the whole run, where it says so)."""
    planned = whole_of(seen.folder.run.get("steps"))
    if planned:
        return planned, "run.json"
    for attempt in reversed(seen.course.attempts):
        if attempt.total:
            return attempt.total, attempt.log
    planned = whole_of(seen.setting("trainer.total_training_steps"))
    return planned, "trainer.total_training_steps"


def _smoke(seen: Evidence) -> bool:
    """Whether the last submission is a trial of a few steps."""
    last = max(seen.folder.submissions, default=None)
    return last is not None and seen.folder.submissions[last].get("smoke") is True


def _evaluates(seen: Evidence) -> bool:
    return seen.setting("trainer.val_only") is True


def _end(seen: Evidence) -> Mapping[str, Any] | None:
    """The event that ended the last attempt; None while it runs, or where nobody wrote one."""
    event: Mapping[str, Any]
    for event in reversed(seen.folder.events):
        if event["kind"] == "ended":
            return event
        if event["kind"] == "began":
            return None
    return None


def _sources(seen: Evidence) -> str:
    return some(seen.course.sources)


def restarts(seen: Evidence) -> Iterator[Finding]:
    """Every attempt with what it resumed from, and whether its first step is the one behind it."""
    began = seen.folder.of_kind("began")
    if not began:
        attempts = [attempt for attempt in seen.course.attempts if attempt.lines or attempt.printed]
        if len(attempts) > 1:
            firsts = some(attempt.first if attempt.first is not None else "-" for attempt in attempts)
            message = f"verl was started {len(attempts)} times; their first steps: {firsts}"
            yield Finding("restarts", "note", message)
        else:
            fix = "the job's `began` events in events/ tell it"
            yield unknown("restarts", "whether the run was restarted is told by no event", fix)
        return
    ended = {_key(event): event for event in seen.folder.of_kind("ended")}
    logs = {(attempt.submission, attempt.restart): attempt for attempt in seen.course.attempts}
    for number, event in enumerate(began):
        submission, restart = _key(event)[:2]
        resumed = whole_of(event.get("resumed_from")) or _begun_at(seen, submission) or 0
        attempt = logs.get((submission, restart))
        name = f"submission {submission}, restart {restart}"
        if attempt is not None and attempt.first is not None and attempt.first != resumed + 1:
            message = f"{name}: it was to go on from step {resumed}, and trained step {attempt.first} first"
            fix = "the checkpoint was not taken up, or the events are of another attempt"
            yield Finding(
                "restarts",
                "error",
                message,
                str(resumed + 1),
                "events/",
                str(attempt.first),
                attempt.log,
                fix,
            )
            continue
        came = f"resumed from step {resumed}" if resumed else "began at the first step"
        yield Finding(
            "restarts",
            "note" if number else "ok",
            f"{name}: {came}{_ending(ended.get(_key(event)), attempt)}",
        )
    if seen.course.repeated:
        repeated = seen.course.repeated
        message = f"{count(len(repeated), 'step', 'were')} trained again after a restart: {some(repeated)}"
        fix = "a smaller checkpoint.every loses fewer"
        yield Finding("restarts", "note", message, fix=fix)


def _key(event: Mapping[str, Any]) -> tuple[int, int, str]:
    return (
        whole_of(event.get("submission")) or 0,
        whole_of(event.get("restart")) or 0,
        text_of(event.get("nonce")),
    )


def _begun_at(seen: Evidence, submission: int) -> int | None:
    """The step of the checkpoint, of whatever run, that a submission was told to begin from; None where of none."""
    match = re.search(
        r"global_step_(\d{1,9})/*$", text_of(seen.folder.submissions.get(submission, {}).get("resume"))
    )
    return int(match[1]) if match else None


def _ending(ended: Mapping[str, Any] | None, attempt: Attempt | None) -> str:
    words = ""
    if attempt is not None and (
        last := max((line.step for line in attempt.lines if line.training), default=None)
    ):
        words += f", reached step {last}"
    if ended is not None:
        cause = ended.get("cause")
        kind = text_of(cause.get("kind")) if isinstance(cause, dict) else ""
        after = {"requeue": ", queued again", "stop": ", stopped"}.get(text_of(ended.get("next")), "")
        words += f", ended: {kind or 'unknown'}{after}"
    return words


def checkpoints(seen: Evidence) -> Iterator[Finding]:
    """Checkpoints that were half-written and put aside."""
    for event in seen.folder.of_kind("aside"):
        step = whole_of(event.get("step"))
        message = (
            f"the checkpoint of step {step if step is not None else '?'} was half-written, and set aside"
        )
        ran = text_of(event.get("why"))
        yield Finding(
            "checkpoints", "warning", message, "whole", "", ran, text_of(event.get("to")) or "events/"
        )
