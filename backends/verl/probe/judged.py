"""Properties that hang on code, looked at in the trajectories of a probe: open ones, and those that are proved of a
scorer that gives 1 or 0, which is taken for granted.

A property is refuted by trajectories of one row that break its formula; the sets are the property's own, over the
counts that the bundle's reward found in each trajectory. A step is only looked for between two scripts that differ in
that step alone: other words may be paid otherwise. `max honest` is that of the honest trajectories that were played.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from toolspec.backends.verl.probe.prober import Probe
from toolspec.backends.verl.probe.table import kind_of
from toolspec.backends.verl.rehearsal.episode import Episode, ToolCall
from toolspec.backends.verl.rehearsal.row_answers import truth_of
from toolspec.backends.verl.rehearsal.summary import spans
from toolspec.backends.verl.reward.paid import Part
from toolspec.backends.verl.reward.transcript import Transcript, Transcripts
from toolspec.compiler.reward.analysis import Analysis
from toolspec.compiler.reward.matcher import MATCHER
from toolspec.compiler.reward.properties import Property
from toolspec.compiler.reward.region import Set
from toolspec.compiler.reward.vector import Answer, Vector
from toolspec.compiler.reward.verdict import Pair, Verdict, breaks
from toolspec.compiler.reward.worth import exact

DIGITS = 9
"""Of a score: it is a sum of doubles."""
BY_LENGTH = ("length", "overlong")
UNKNOWN_TOOL = "unknown tool"
"""As ts_trajectory.py has it."""


class Seen(NamedTuple):
    """A trajectory of a probe as the analysis looks at one."""

    episode: Episode
    vector: Vector
    score: Fraction


def judged(analysis: Analysis, shown: Transcripts, probe: Probe) -> tuple[Analysis, Transcripts]:
    """The analysis with what the probe refutes, and the transcripts of that."""
    seen = [one for each in probe.episodes if (one := _seen(analysis, each)) is not None]
    rows: dict[int, list[Seen]] = {}
    for one in seen:
        rows.setdefault(one.episode.row, []).append(one)
    verdicts: list[Verdict] = []
    found = dict(shown.found)
    looked_at = ("unknown", "proved") if _by_code(probe) else ("unknown",)
    for verdict in analysis.verdicts:
        if verdict.outcome not in looked_at:
            verdicts.append(verdict)
            continue
        if verdict.asked.name == MATCHER.name:
            verdicts.append(_matcher(verdict, probe, seen))
            continue
        broken = _broken(verdict.asked, analysis.reward.need, list(rows.values()))
        if broken is None:
            verdicts.append(_still_open(verdict, seen))
            continue
        better, worse = broken
        pair = Pair(better.vector, worse.vector, better.score, worse.score)
        why = f"found by a probe: {better.episode.policy} and {worse.episode.policy}"
        margin = better.score - worse.score
        verdicts.append(Verdict(verdict.asked, "refuted", margin, pair, None, why, by_probe=True))
        for each in broken:
            found[verdict.asked.name, each.vector] = _transcript(probe, each)
    return analysis._replace(verdicts=tuple(verdicts)), shown._replace(found=found)


def _seen(analysis: Analysis, one: Episode) -> Seen | None:
    """None for what has no score, or has calls that were never taken up: what they repeat is not known."""
    if one.scored is None or one.scored.fault is not None:
        return None
    facts = one.scored.facts
    calls: Sequence[Mapping[str, object]] = facts["calls"]
    faults = [call["fault"] for call in calls]
    executed = [call for call in calls if call["executed"]]
    if len(executed) != len(one.calls) or any(not call["executed"] and not call["fault"] for call in calls):
        return None
    values = one.scored.values
    answer = _answer(analysis, one)
    vector = Vector(
        turns=int(facts["turns"]),
        valid=faults.count(None),
        repeated=_repeated(
            [call for told, call in zip(executed, one.calls, strict=True) if not told["fault"]]
        ),
        unknown=faults.count(UNKNOWN_TOOL),
        schema=sum(fault not in (None, UNKNOWN_TOOL) for fault in faults),
        unparsed=int(facts["malformed"]),
        answer=answer,
        formed=answer != "none" and values.get("format", 1.0) >= 1,
        truncated=bool(facts["truncated"]),
        forged=int(facts["forged"]) > 0,
        used=answer != "none" and values.get("used_result", 0.0) >= 1,
        errors=sum(bool(call["error"]) for call in executed if not call["fault"]),
        # Short, as far as the reward tells lengths.
        tokens=int(facts["response_tokens"]) if any(one.scored.paid.get(name) for name in BY_LENGTH) else 0,
    )
    return Seen(one, vector, exact(round(one.scored.score, DIGITS)))


def _answer(analysis: Analysis, one: Episode) -> Answer:
    assert one.scored is not None
    if "correct" in one.scored.values:
        if one.scored.values["correct"] >= 1:
            return "right"
    elif one.scored.facts["answer"] and kind_of(one.policy) != "unsolved":
        return "right"
    return "wrong" if one.scored.facts["answer"] else "none"


def _repeated(calls: Sequence[ToolCall]) -> int:
    return len(calls) - len({(call.name, _canonical(call.arguments)) for call in calls})


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments


def _broken(asked: Property, need: int, rows: Sequence[Sequence[Seen]]) -> tuple[Seen, Seen] | None:
    """The pair with the least margin that breaks the property."""
    pairs = [pair for seen in rows for pair in _pairs(asked, need, seen)]
    broken = [pair for pair in pairs if breaks(asked, pair[0].score - pair[1].score)]
    return min(broken, key=lambda pair: pair[0].score - pair[1].score, default=None)


def _pairs(asked: Property, need: int, seen: Sequence[Seen]) -> Iterator[tuple[Seen, Seen]]:
    """Of one row's trajectories, (what ought to be paid more, the other)."""
    better = _in(asked.better(need), seen)
    if asked.move is not None:
        for one, other in itertools.product(better, seen):
            turns = [one.vector.turns + more for more in asked.move.further_turns]
            if _twins(one, other) and other.vector in [asked.move.of(one.vector, each) for each in turns]:
                yield one, other
        return
    worse = _in(asked.worse(need), seen)
    groups = [(better, worse)]
    if asked.form == "alike":
        numbers = {one.vector.valid for one in better}
        groups = [(_valid(better, number), _valid(worse, number)) for number in numbers]
    for ours, theirs in groups:
        if ours and theirs:
            choose = max if asked.form == "best" else min
            yield choose(ours, key=_score), max(theirs, key=_score)


def _score(one: Seen) -> Fraction:
    return one.score


def _in(where: Set, seen: Sequence[Seen]) -> list[Seen]:
    return [one for one in seen if any(region.holds(one.vector) for region in where)]


def _valid(seen: Sequence[Seen], number: int) -> list[Seen]:
    return [one for one in seen if one.vector.valid == number]


def _twins(one: Seen, other: Seen) -> bool:
    """Whether the second script is the first and one thing more."""
    first, second = one.episode.policy, other.episode.policy
    if first == "honest":
        return second.startswith("right-")
    return (first, second) == ("honest-no-call", "honest")


def _matcher(verdict: Verdict, probe: Probe, seen: Sequence[Seen]) -> Verdict:
    """Whether one and the same answer was right for rows that ask for others."""
    right: dict[tuple[str, str], set[str]] = {}
    for one in seen:
        if one.vector.answer == "right" and kind_of(one.episode.policy) == "unsolved":
            row = probe.experiment.rows[one.episode.row]
            asked = str(truth_of(row, probe.experiment.reward))
            text = one.episode.script.turns[-1].text
            right.setdefault((one.episode.policy, text), set()).add(asked)
    for (policy, _), truths in right.items():
        if len(truths) > 1:
            first, second = sorted(truths)[:2]
            why = f"found by a probe: {policy} is right where {first} is asked for, and where {second} is"
            return Verdict(verdict.asked, "refuted", why=why, by_probe=True)
    return _still_open(verdict, seen)


def _still_open(verdict: Verdict, seen: Sequence[Seen]) -> Verdict:
    if verdict.outcome != "unknown":
        return verdict
    return verdict._replace(why=f"{verdict.why}; not refuted by {len(seen)} probes")


def _by_code(probe: Probe) -> bool:
    """Whether `correct` is decided by a function, of which the analysis takes for granted that it gives 1 or 0."""
    terms = probe.experiment.reward.get("terms") or ()
    return any(term.get("match") in ("python", "verl") for term in terms)


def _transcript(probe: Probe, one: Seen) -> Transcript:
    parts = tuple(
        Part("policy" if span.by == "policy" else "tool", span.text)
        for span in spans(one.episode)
        if span.by != "prompt"
    )
    truth = truth_of(probe.experiment.rows[one.episode.row], probe.experiment.reward)
    return Transcript(parts, (), truth, one.score, float(one.score))
