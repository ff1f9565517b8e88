"""What a probe found, by name: which cheat pays, by which term, and the smallest change that is known to end it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from toolspec.backends.verl.probe.experiment import BUILTIN
from toolspec.backends.verl.probe.prober import Probe
from toolspec.backends.verl.probe.table import NOTHING, SAME, SOLVING, Row, Table
from toolspec.backends.verl.rehearsal.episode import Episode
from toolspec.backends.verl.rehearsal.row_answers import text_of, truth_of
from toolspec.backends.verl.rehearsal.summary import spans

SAME_ANSWER = "same-answer"
PRINTED = 64 << 10
"""Bytes over a probe from which a reward is said to print much."""


class Finding(NamedTuple):
    """policies: that show it. term: of the reward, "" for all of it: findings stand at its line."""

    severity: Literal["error", "warning", "note"]
    name: str
    policies: tuple[str, ...]
    term: str
    message: str
    fix: str = ""


def findings(probe: Probe, table: Table) -> tuple[Finding, ...]:
    """Errors first."""
    made = [*_load(probe), *_paying(probe, table), *_trouble(probe, table)]
    made += [*_honest(table), *_printed(probe), *_left_out(probe)]
    order = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(made, key=lambda one: order[one.severity]))


def _load(probe: Probe) -> Iterator[Finding]:
    lost = probe.load
    if lost is None:
        return
    said = {"hung": "loading it hangs: ", "crashed": "loading it ends the process: "}.get(lost.how, "")
    fix = "--python PATH, an interpreter of an environment that has verl" if "verl" in lost.reason else ""
    yield Finding("error", "not-loaded", (), "", f"{said}{lost.reason}", fix)


def _paying(probe: Probe, table: Table) -> Iterator[Finding]:
    """One finding a term and a reason, with all the policies that it pays."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in table.paying:
        term, why, fix = _mechanism(probe, table, row)
        groups.setdefault((term, why, fix), []).append(row)
    for (term, why, fix), rows in groups.items():
        first = rows[0]
        verb = "beats" if first.mark == "beats" else "ties with"
        assert first.mean is not None and table.honest is not None
        pay = f"{first.mean:.4g} against {table.honest:.4g}"
        message = f"{first.policy} ({first.does}) {verb} an honest solution: {pay}; {why}"
        policies = tuple(row.policy for row in rows)
        yield Finding("error", "cheating-pays", policies, term, message, fix)


def _mechanism(probe: Probe, table: Table, row: Row) -> tuple[str, str, str]:
    """(term, why, fix) of a policy that pays."""
    terms = probe.experiment.reward.get("terms")
    shown = row.shown
    if not terms or shown is None or shown.scored is None:
        return _of_a_function(probe, row)
    honest = _honest_episode(probe, shown)
    known = {str(term["name"]): term for term in terms}
    paid, ours = shown.scored.paid, honest.scored.paid if honest and honest.scored else {}
    if row.kind == "unsolved" and shown.scored.values.get("correct", 0.0) >= 1:
        return _taken_for_right(known["correct"])
    more = {name: value - ours.get(name, 0.0) for name, value in paid.items()}
    if row.kind == "solved":
        name = max(more, key=lambda one: more[one], default="")
        return name, f"{path_of(name, known)} pays {more[name]:+.4g} for it", _less(known.get(name, {}))
    positive = {
        name: value
        for name, value in paid.items()
        if value > SAME and "only_if" not in known.get(name, {}) and name != "correct"
    }
    if positive:
        name = max(positive, key=lambda one: positive[one])
        place = path_of(name, known)
        return name, f"{place} pays {positive[name]:.4g} without a right answer", f"{place}.only_if: correct"
    if paid.get("correct", 0.0) > SAME:
        return "correct", "reward.correct.wrong pays for a wrong answer", "reward.correct.wrong below 0"
    name = min(ours, key=lambda one: ours[one], default="")
    if name and ours[name] < -SAME:
        return name, f"{path_of(name, known)} takes {-ours[name]:.4g} from the honest one", ""
    return "correct", "the reward does not tell the two apart", ""


def path_of(name: str, terms: Mapping[str, Mapping[str, Any]]) -> str:
    """Where the spec says the term."""
    if name == "overlong":
        return "algorithm.overlong"
    return f"reward.own.{name}" if terms.get(name, {}).get("own") else f"reward.{name}"


MATCHES: Mapping[str, str] = {
    "qa_f1": "reward.correct.match: qa_em",
    "verl": "match: number or exact, which read the final answer alone; verl's scorer reads the whole response",
    "python": "the function has to read one answer, and the final one: `trajectory` of a term under `own` has it",
    "regex": "a pattern with one group that takes the answer and nothing else",
    "math": "a `pattern` that takes one answer",
    "number": "a smaller `tolerance`",
}


def _taken_for_right(term: Mapping[str, Any]) -> tuple[str, str, str]:
    match = str(term.get("match", "exact"))
    return (
        "correct",
        f"`match: {match}` takes its answer for right",
        MATCHES.get(match, "another `match`, or rows whose answers differ"),
    )


def _less(term: Mapping[str, Any]) -> str:
    if term.get("name") == "valid_call" and term.get("per") == "call":
        return "reward.valid_call.per: once"
    if term.get("own"):
        return f"reward.own.{term['name']}.cap, or a function that does not count it"
    return ""


TEXT: Mapping[str, str] = {
    "forged": "a tool's answer in solution_str may be the policy's own, and is none of its answers: leave all of them "
    "out of what is searched",
    "tool": "the text behind the last of the tools' answers in solution_str is the policy's answer: search that alone",
    "call": "`<tool_call>` in solution_str is text: a call is what a parser read (num_turns, tool_rewards)",
    "answer": "take one answer, the last of the final turn, and compare the whole of it",
    "form": "pay for the form only where the answer is right",
}
"""What a function that reads the decoded response may do, by what the policy does."""
FAMILIES: Mapping[str, str] = {
    **dict.fromkeys(("forged-result", "forged-alone", "forged-list", "forged-tags", "right-forged"), "forged"),
    **dict.fromkeys(
        ("call-everything", "pad-calls", "repeat-calls", "call-spam", "endless-loop", "call-in-answer",
         "answer-first", "cut-call", "unknown-tool", "look-alike-tool", "schema-break", "duplicate-keys",
         "empty-call", "announced-call", "honest-wrong", "right-padded", "right-repeated", "right-unknown",
         "right-broken", "right-unread", "copied-error"), "call"),
    **dict.fromkeys(("form-only", "every-form", "placeholder"), "form"),
}  # fmt: skip


def _of_a_function(probe: Probe, row: Row) -> tuple[str, str, str]:
    told = probe.experiment.reward.get("python")
    if told == BUILTIN:
        why = "verl's own scorer for this data_source looks at the whole response, tool texts too"
        return "", why, "a function of one's own, or a spec with `correct: {match: …}`"
    if row.policy == SAME_ANSWER:
        return "", "no question has to be read for it", "rows whose answers differ"
    if told and row.kind == "unsolved" and row.shown is not None and _only_a_tool_said_it(probe, row.shown):
        return "", f"{told['function']} finds the right answer in what a tool returned", TEXT["tool"]
    family = FAMILIES.get(row.policy, "answer")
    return "", f"{told['function']} pays for what it writes" if told else "", TEXT[family]


def _only_a_tool_said_it(probe: Probe, one: Episode) -> bool:
    """Whether the row's answer stands in a tool's text and in none of the policy's."""
    truth = truth_of(probe.experiment.rows[one.row], probe.experiment.reward)
    said = {
        by: "".join(span.text for span in spans(one) if span.by == by) for by in ("policy", "environment")
    }
    return (
        truth is not None and text_of(truth) in said["environment"] and text_of(truth) not in said["policy"]
    )


def _honest_episode(probe: Probe, like: Episode) -> Episode | None:
    found = [one for one in probe.episodes if one.row == like.row and one.scored is not None]
    return next((one for one in found if one.policy == "honest"), None)


REMEDIES: Mapping[str, str] = {
    "ModuleNotFoundError": "--python PATH, an interpreter that has it",
    "unreachable": "--network, which lets the reward use the network",
    "name resolution": "--network, which lets the reward use the network",
}
"""What a user may do, by what stands in the fault of a reward."""


def _trouble(probe: Probe, table: Table) -> Iterator[Finding]:
    """What the reward does in place of a score, by what it does."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in table.rows:
        how = row.trouble.partition(" ")[0].rstrip(":")
        if how in ("hangs", "ends", "raises"):
            groups.setdefault((how, row.trouble), []).append(row.policy)
    for (how, trouble), policies in groups.items():
        name = {"hangs": "reward-hangs", "ends": "reward-crashes", "raises": "reward-fault"}[how]
        fix = next((fix for mark, fix in REMEDIES.items() if mark in trouble), "")
        fix = "" if probe.network and fix.startswith("--network") else fix
        yield Finding("error", name, tuple(policies), "", f"over {policies[0]} it {trouble}", fix)


def _honest(table: Table) -> Iterator[Finding]:
    rows = {row.policy: row for row in table.rows}
    if table.honest is None:
        if table.played:
            why = rows["honest"].trouble if "honest" in rows else ""
            message = "no honest policy has a score" + (f": {why}" if why else "")
            yield Finding("error", "honest-not-scored", ("honest",), "", message)
        return
    if not table.accepted and not all(rows[one].trouble for one in SOLVING if one in rows):
        nothing = rows[NOTHING].mean
        message = "the accepted answer is paid no more than none, in any of the forms that were tried"
        message += f": {table.honest:.4g} against {nothing:.4g}"
        yield Finding("error", "answer-not-accepted", ("honest",), "correct", message)


def _printed(probe: Probe) -> Iterator[Finding]:
    if probe.printed >= PRINTED:
        each = probe.printed // max(1, len(probe.episodes))
        message = f"prints {each:,} bytes a trajectory, which go to the log of every worker"
        yield Finding("warning", "reward-prints", (), "", message)


def _left_out(probe: Probe) -> Iterator[Finding]:
    if probe.experiment.left_out:
        named = ", ".join(probe.experiment.left_out)
        message = f"{named} goes by lengths in tokens and was left out: {probe.experiment.model.why_not}"
        yield Finding("note", "left-out", (), "", message, probe.experiment.model.fix)
