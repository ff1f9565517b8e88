"""What a rehearsal found, by name: tools and rewards that misbehave, trajectories that have no outcome, what pays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Literal, NamedTuple

from toolspec.backends.verl.rehearsal.cheats import CHEATS
from toolspec.backends.verl.rehearsal.episode import Episode, Lost
from toolspec.backends.verl.rehearsal.rehearse import Rehearsal
from toolspec.backends.verl.rehearsal.user_process import RAISED, ToolRun

PRINTED = 64 << 10
"""Bytes of one call from which a tool is said to print much: a run makes some hundred thousand calls."""
NAMED = 3
VERL = "verl raises "
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
    if model.another:
        message = f"{model.another}: ids, lengths and template here are those of {model.name}"
        yield Finding("note", "another-model", "", message)
    if found.writer is not None and found.writer.late:
        message = (
            f"the model's {found.asked.within:,.0f} seconds are over, and its other episodes were not run"
        )
        yield Finding("warning", "model-late", "model", message, "--within SECONDS, or fewer --rows")
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
        release = found.experiment.release
        fix = (
            f"--python PATH, one that has verl {release}; or --engine verl with it"
            if "verl" in lost.reason
            else ""
        )
        yield Finding("error", "not-loaded", who, f"{_said(lost)}{_tail(lost)}", fix)


def _said(lost: Lost) -> str:
    told = {"hung": "loading it hangs: ", "crashed": "loading it ends the process: "} if lost.who else {}
    return told.get(lost.how, "") + lost.reason


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
            fix = "toolspec template says where the template and verl disagree" if VERL in reason else ""
            yield Finding("error", "no-outcome", named, f"{reason}, in {times}{whose}", fix)
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
    for tool, made in runs.items():
        yield from _tool(tool, made)
    yield from _leaks(episodes)


def _leaks(episodes: Sequence[Episode]) -> Iterator[Finding]:
    """A file that is opened once and kept is a store; more and more of them are a leak."""
    leaks: dict[tuple[str, str], list[str]] = {}
    for one in episodes:
        for (tool, kind), which in {(tool, kind): which for tool, kind, which in one.leaks}.items():
            leaks.setdefault((tool, kind), []).append(which)
    for (tool, kind), names in leaks.items():
        if kind == "file" and len(names) < 2:
            continue
        left, fix = ("open", "close") if kind == "file" else ("running", "end")
        times = _times(len(names), len(episodes), "episodes")
        message = f"leaves a {kind} {left} behind its call ({names[0]}), in {times}"
        yield Finding("warning", "tool-leaks", tool, message, f"{fix} it before the tool returns")


def _tool(tool: str, runs: Sequence[ToolRun]) -> Iterator[Finding]:
    for part in dict.fromkeys(run.part for run in runs):
        yield from _part(tool, part, [run for run in runs if run.part == part])
    altered = Counter(what for run in runs for what in run.altered)
    if altered:
        times = _times(sum(bool(run.altered) for run in runs), len(runs), "calls")
        message = f"changes {_listed([*altered])}, which all trajectories of a worker share, in {times}"
        yield Finding("warning", "tool-alters", tool, message)
    most = max(runs, key=lambda run: run.printed)
    if most.printed >= PRINTED:
        message = f"prints {size(most.printed)} in one call, which goes to the log of every worker"
        yield Finding("warning", "tool-prints", tool, message)


def _part(tool: str, part: str, runs: Sequence[ToolRun]) -> Iterator[Finding]:
    """A function, or one method of a class."""
    name = {"create": "create ", "release": "release "}.get(part, "")
    hung = [run for run in runs if run.how == "hung"]
    if hung:
        message = f"{name and 'its '}{name}{hung[0].message.removeprefix('the tool ')}"
        yield Finding("error", "tool-hangs", tool, f"{message}, in {_times(len(hung), len(runs), 'calls')}")
    raised = [run for run in runs if run.how in RAISED]
    if raised:
        what = f"{raised[0].kind}: {raised[0].message}".rstrip(": ").splitlines()[0]
        always = len(raised) == len(runs)
        times = f"every one of {len(runs)} calls" if always else _times(len(raised), len(runs), "calls")
        then = (
            "verl logs it, and the answer stands" if part == "release" else "the model reads it as the answer"
        )
        if raised[0].how == "escaped":
            then = "verl catches no such exception, and the trajectory is lost"
        severity: Literal["error", "warning"] = "error" if always and part != "release" else "warning"
        yield Finding(severity, "tool-raises", tool, f"{name}raises {what}, in {times}; {then}")
    odd = [run for run in runs if run.how == "ok" and run.kind not in TEXT]
    if odd:
        times, kind = _times(len(odd), len(runs), "calls"), odd[0].kind
        wanted = "return (ToolResponse(text=…), 0.0, {})" if part == "execute" else "return a str"
        yield Finding(
            "warning",
            "tool-returns-no-text",
            tool,
            f"returns {kind}, in {times}; {_read(part, kind)}",
            wanted,
        )


def _read(part: str, kind: str) -> str:
    """What the model reads of what is no text."""
    if kind == "image":
        return "it cannot be shown to the model"
    if part == "execute":
        return "the model reads an error"
    read = {"NoneType": "an empty text", "dict": "JSON", "list": "JSON", "tuple": "JSON"}
    return f"the model reads {read.get(kind, 'str() of it')}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


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


def _cut(one: Episode) -> bool:
    """Whether a limit took turns of the script, or the end of the last: the last that is allowed may be the answer."""
    return len(one.turn_limits) < len(one.script.turns) or bool(one.fields.get("ts_truncated"))


def _honest(found: Rehearsal) -> Iterator[Finding]:
    honest = [one for one in found.episodes if one.policy == "honest" and one.scored is not None]
    if not honest:
        return
    ends = Counter(one.stop for one in honest if _cut(one))
    for stop, number in ends.items():
        message = f"{_times(number, len(honest), 'honest episodes')} end by {stop} before the answer"
        yield Finding("warning", "honest-cut", "", message, "a larger budget")
    right = [one.scored.values.get("correct") for one in honest if one.scored and not _cut(one)]
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
    scores = {one.scored.score for one in episodes if one.scored is not None}
    if len(scores) == 1 and len({one.policy for one in episodes}) > 1:
        message = f"every episode of every policy earns {scores.pop():.4g}: the reward tells nothing apart"
        yield Finding("warning", "reward-is-flat", "reward", message)
        return
    groups: dict[tuple[str, str], list[float]] = {}
    for one in episodes:
        if one.scored is not None and not _solves(one.policy):
            groups.setdefault((one.policy, one.script.variant), []).append(one.scored.score)
    for (policy, variant), earned in groups.items():
        if fmean(earned) >= fmean(honest):
            message = f"{policy} ({variant}) earns {fmean(earned):.4g} on average, honest {fmean(honest):.4g}"
            yield Finding(
                "warning", "cheating-pays", "reward", message, "toolspec reward says which weights do"
            )


def _rest(found: Rehearsal) -> Iterator[Finding]:
    if found.not_run and not (found.writer is not None and found.writer.late):
        message = f"{found.not_run} episodes were not run, after {len(found.episodes)}"
        yield Finding("note", "not-run", "", message)
    for line, number in Counter(found.log).items():
        yield Finding("note", "logged", "", f"{line}" + (f" ({number} times)" if number > 1 else ""))
