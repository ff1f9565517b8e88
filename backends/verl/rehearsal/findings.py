"""What a rehearsal found, by name: tools and rewards that misbehave, trajectories that have no outcome, what pays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Literal, NamedTuple

from toolspec.backends.verl.rehearsal.cheats import CHEATS
from toolspec.backends.verl.rehearsal.episode import Episode, Lost
from toolspec.backends.verl.rehearsal.rehearse import Rehearsal
from toolspec.backends.verl.rehearsal.user_process import ToolRun

PRINTED = 64 << 10
"""Bytes of one call from which a tool is said to print much: a run makes some hundred thousand calls."""
TEXT = frozenset({"str", "ToolResponse"})


class Finding(NamedTuple):
    """who: the tool or `reward`, "" for neither."""

    severity: Literal["error", "warning", "note"]
    name: str
    who: str
    message: str
    fix: str = ""


def findings(found: Rehearsal) -> tuple[Finding, ...]:
    """Errors first."""
    made = [
        *_model(found),
        *_load(found),
        *_lost(found.episodes),
        *_tools(found.episodes),
        *_faults(found.episodes),
        *_prompts(found),
        *_honest(found),
        *_paid(found.episodes),
        *_rest(found),
    ]
    order = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(made, key=lambda one: order[one.severity]))


def _model(found: Rehearsal) -> Iterator[Finding]:
    model = found.experiment.model
    if not model.why_not:
        return
    message = f"{model.why_not}: conversation, tools and reward are the run's, ids and lengths are not, and no limit"
    yield Finding("note", "without-tokens", "", f"{message} of tokens was kept", model.fix)
    if found.experiment.left_out:
        named = ", ".join(found.experiment.left_out)
        yield Finding("note", "left-out", "reward", f"{named} goes by lengths in tokens and was left out")


def _load(found: Rehearsal) -> Iterator[Finding]:
    lost = found.load
    if lost is not None:
        who = ", ".join(lost.who)
        fix = "--engine verl" if "verl" in lost.reason else ""
        yield Finding("error", "not-loaded", who, f"{_said(lost)}{_tail(lost)}", fix)


def _said(lost: Lost) -> str:
    return {"hung": "loading it hangs: ", "crashed": "loading it ends the process: "}.get(
        lost.how, ""
    ) + lost.reason


def _tail(lost: Lost) -> str:
    lines = lost.tail.strip().splitlines()
    return f"; it printed last: {lines[-1][:200]}" if lines else ""


def _lost(episodes: Sequence[Episode]) -> Iterator[Finding]:
    """Episodes without an outcome, by reason."""
    groups: dict[tuple[str, tuple[str, ...], str], list[Episode]] = {}
    for one in episodes:
        if one.lost is not None:
            groups.setdefault((one.lost.how, one.lost.who, one.lost.reason), []).append(one)
    for (how, who, reason), some in groups.items():
        assert some[0].lost is not None
        named, times = ", ".join(who), _times(len(some), len(episodes), "episodes")
        if how == "unplayed":
            yield Finding("note", "unplayed", some[0].policy, f"{reason}, in {times}")
            continue
        if how == "raised":
            whose = f" ({some[0].policy}: {some[0].script.variant})" if some[0].script.variant else ""
            yield Finding("error", "no-outcome", named, f"{reason}, in {times}{whose}")
            continue
        kind = "reward" if who == ("reward",) else "tool"
        name = f"{kind}-{'hangs' if how == 'hung' else 'crashes'}"
        yield Finding("error", name, named, f"{reason}, in {times}{_tail(some[0].lost)}")


def _times(some: int, all: int, what: str) -> str:
    return f"{some} of {all} {what}"


def _tools(episodes: Sequence[Episode]) -> Iterator[Finding]:
    runs: dict[str, list[ToolRun]] = {}
    for one in episodes:
        for run in one.runs:
            runs.setdefault(run.tool, []).append(run)
    leaks = Counter(leak for one in episodes for leak in one.leaks)
    for tool, made in runs.items():
        yield from _tool(tool, made)
    for (tool, what), number in leaks.items():
        message = f"leaves a {what} running behind its call, in {_times(number, len(episodes), 'episodes')}"
        yield Finding("warning", "tool-leaks", tool, message, "end it before the tool returns")


def _tool(tool: str, runs: Sequence[ToolRun]) -> Iterator[Finding]:
    hung = [run for run in runs if run.how == "hung"]
    if hung:
        yield Finding(
            "error", "tool-hangs", tool, f"{hung[0].message}, in {_times(len(hung), len(runs), 'calls')}"
        )
    raised = [run for run in runs if run.how == "raised"]
    if raised:
        what = f"{raised[0].kind}: {raised[0].message}".rstrip(": ").splitlines()[0]
        always = len(raised) == len(runs)
        times = f"every one of {len(runs)} calls" if always else _times(len(raised), len(runs), "calls")
        yield Finding(
            "error" if always else "warning",
            "tool-raises",
            tool,
            f"raises {what}, in {times}; the model reads it as the answer",
        )
    odd = [run for run in runs if run.how == "ok" and run.kind not in TEXT]
    if odd:
        kind = odd[0].kind
        read = {"NoneType": "an empty text", "dict": "JSON", "list": "JSON", "tuple": "JSON"}
        seen = (
            "it cannot be shown to the model"
            if kind == "image"
            else f"the model reads {read.get(kind, 'str() of it')}"
        )
        times = _times(len(odd), len(runs), "calls")
        yield Finding(
            "warning", "tool-returns-no-text", tool, f"returns {kind}, in {times}; {seen}", "return a str"
        )
    most = max(runs, key=lambda run: run.printed)
    if most.printed >= PRINTED:
        message = f"prints {size(most.printed)} in one call, which goes to the log of every worker"
        yield Finding("warning", "tool-prints", tool, message)


def size(number: int) -> str:
    return f"{number / (1 << 20):.1f} MiB" if number >= 1 << 20 else f"{number / (1 << 10):.0f} KiB"


def _faults(episodes: Sequence[Episode]) -> Iterator[Finding]:
    faults = Counter(one.scored.fault for one in episodes if one.scored is not None and one.scored.fault)
    for fault, number in faults.items():
        message = f"{fault}, in {_times(number, len(episodes), 'episodes')}; they are paid `on_error`"
        yield Finding("error", "reward-fault", "reward", message)


def _prompts(found: Rehearsal) -> Iterator[Finding]:
    cut = [one.row for one in found.episodes if one.cut]
    if cut:
        limit = found.experiment.settings.prompt_length
        message = f"the prompt of row {cut[0]:,} is longer than {limit:,} tokens and lost its beginning"
        yield Finding("warning", "prompt-cut", "", message, "toolspec budget counts them all")


def _honest(found: Rehearsal) -> Iterator[Finding]:
    honest = [one for one in found.episodes if one.policy == "honest" and one.scored is not None]
    if not honest:
        return
    ends = Counter(one.stop for one in honest if one.stop != "no_tool_call")
    for stop, number in ends.items():
        message = f"{_times(number, len(honest), 'honest episodes')} end by {stop} before the answer"
        yield Finding("warning", "honest-cut", "", message, "a larger budget")
    right = [one.scored.values.get("correct") for one in honest if one.scored and one.stop == "no_tool_call"]
    if right and all(value is not None and value <= 0 for value in right):
        message = "the accepted answer itself is not taken for right in any of the forms that were tried"
        yield Finding("warning", "answer-not-accepted", "reward", message)
    bad = [
        call["fault"]
        for one in honest
        for call in (one.scored.facts.get("calls") or () if one.scored else ())
        if call.get("fault")
    ]
    if bad:
        message = f"a call made from the tool's schema counts as bad: {bad[0]}"
        yield Finding("warning", "schema-call-refused", "", message)


def _solves(policy: str) -> bool:
    """Whether what it does is right, or may be."""
    return policy in ("honest", "honest-no-call", "sloppy") or (policy in CHEATS and CHEATS[policy].solves)


def _paid(episodes: Sequence[Episode]) -> Iterator[Finding]:
    """What earns as much as the honest policy without doing what was asked."""
    honest = [one.scored.score for one in episodes if one.policy == "honest" and one.scored is not None]
    if not honest:
        return
    groups: dict[tuple[str, str], list[float]] = {}
    for one in episodes:
        if one.scored is not None and not _solves(one.policy):
            groups.setdefault((one.policy, one.script.variant), []).append(one.scored.score)
    for (policy, variant), scores in groups.items():
        if fmean(scores) >= fmean(honest):
            message = f"{policy} ({variant}) earns {fmean(scores):.4g} on average, honest {fmean(honest):.4g}"
            yield Finding(
                "warning", "cheating-pays", "reward", message, "toolspec reward says which weights do"
            )


def _rest(found: Rehearsal) -> Iterator[Finding]:
    if found.not_run:
        message = f"{found.not_run} episodes were not run, after {len(found.episodes)}"
        yield Finding("note", "not-run", "", message)
    for line, number in Counter(found.log).items():
        yield Finding("note", "logged", "", f"{line}" + (f" ({number} times)" if number > 1 else ""))
