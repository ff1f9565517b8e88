"""The score of one trajectory by ts_reward.json. Imports neither verl nor toolspec.

What is paid stands in ts_reward.json, in one of two forms:

    {"version": 1, "format": "hermes", "tools": [schemas], "answer_field": null,
     "terms": [{"name": "correct", "weight": 1.0, "match": "number", "tolerance": 0.0}, ...]}
    {"version": 1, "python": {"file": "reward.py", "function": "compute_score"}, "keys": ["acc"]}

Either may have `overlong` (ts_overlong.py), added to the score, `clip: [least, most]`, which holds the sum of all,
`on_error` (0) and `fault_limit` (ts_faults.py). `spans: false` says that the agent loop is one of the user's own, which
leaves no spans: the whole response then counts as written by the policy.

Terms: score = clip(Σ paid + overlong); what a term pays of its value is in ts_weigh.py. `answer_field` is a dotted path
in the row (`extra_info.answer`) in place of reward_model.ground_truth. Python: the function is called as verl's naive
manager calls it (naive.py of the three releases); `keys` (optional) names the metrics to keep of its dict.

A score never raises: an exception in a reward ends a V0 run and silently drops the trajectory in V1. A fault
pays `on_error`, sets the metric `ts_fault` to 1 and is logged and recorded. Mistakes in ts_reward.json or the
user's files do raise, when the scorer is built.

Metrics, plain floats, the same keys for every trajectory of a run: `score`; each term's value by its name;
`tool_calls` (calls that could be parsed), `tool_parse_success` (their share of all calls that were opened, 0
without any), `ts_fault`; and with `correct` in the reward `acc` and `task_success`, both its value.
"""

from __future__ import annotations

import logging
import math
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import ts_load
import ts_overlong
import ts_score
import ts_terms
import ts_trajectory
import ts_weigh
from ts_parser import Parse
from ts_read import Reader
from ts_trajectory import Call, Trajectory, plain

logger = logging.getLogger("toolspec")

FAULTS_LOGGED = 20
ANSWER_RECORDED = 500  # characters


class Scored(NamedTuple):
    """What one trajectory earns.

    score: finite. values: each term's value by its name, before its weight; paid: what each adds to the score, with
    `overlong` beside them. Both are empty on a fault and for a reward that is one function. metrics: verl's
    `reward_extra_info`. facts: what the record says of the trajectory. fault: None, or what went wrong, in which case
    the score is `on_error`.
    """

    score: float
    values: dict[str, float]
    paid: dict[str, float]
    metrics: dict[str, Any]
    facts: dict[str, Any]
    fault: str | None


class Entry(NamedTuple):
    """A term of the run: its name, its settings, and its function."""

    name: str
    settings: Mapping[str, Any]
    value: ts_terms.Term


class Scorer:
    """Scores trajectories of one run; one object a process.

    spec: ts_reward.json. tokenizer: `decode(ids, skip_special_tokens=…)`. compute_score: what verl passes to a reward
    manager, a function with verl's signature; without it the spec's own file is loaded from ts_user. parse: the calls
    of a policy turn, (name, JSON arguments) each, from its token ids; without it verl's parser is imported.
    further: keyword arguments that verl adds to compute_score (the router of a reward model). markers: what opens a
    tool's answer in the run's template (ts_forged.py), beside those of the families that are known; called once.
    Raises ValueError, KeyError, re.error or what loading the user's file raises.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        tokenizer: Any,
        compute_score: Any = None,
        parse: Parse | None = None,
        further: Mapping[str, Any] | None = None,
        markers: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.spec = spec
        self.tokenizer = tokenizer
        self.further = dict(further or {})
        self.on_error = float(spec.get("on_error") or 0.0)
        self.overlong = spec.get("overlong")
        self.faults = 0
        self.whole: Any = None
        self.clip = spec.get("clip")
        self.terms: list[Entry] = []
        if spec.get("python"):
            code = spec["python"]
            self.whole = compute_score or ts_load.load_object(code["file"], code["function"])
            self.keys: set[str] = set(spec.get("keys") or ())
            return
        settings = spec.get("terms")
        if not settings:
            raise ValueError("ts_reward.json has neither `terms` nor `python`")
        for term in settings:
            ts_weigh.check(term)
            self.terms.append(Entry(str(term["name"]), term, ts_terms.build(term, compute_score)))
        solution = any(term.get("match") in ("verl", "python") or term.get("own") for term in settings)
        self.reader = Reader(spec, tokenizer, parse, solution=solution, markers=markers)

    async def score(self, response_ids: list[int], spans: Any, row: Mapping[str, Any]) -> Scored:
        """response_ids: without padding. spans: [[start, length], ...] of the policy's tokens, None where the loop left
        none. row: the columns as verl's manager gets them (data_source, reward_model, extra_info, tool_extra_fields …).
        """
        values: dict[str, float] = {}
        paid: dict[str, float] = {}
        facts: dict[str, Any] = {}
        try:
            if self.whole is not None:
                score, metrics = await self._python(response_ids, row)
            else:
                trajectory = await self.reader.read(response_ids, spans, row)
                facts = record_facts(trajectory)
                values, paid = await self._pay(trajectory, ts_weigh.step_of(row))
                score = math.fsum(paid.values())
                metrics = self._told(trajectory, values)
            if self.overlong:
                paid["overlong"] = metrics["overlong"] = ts_overlong.overlong(
                    self.overlong, len(response_ids)
                )
                score += paid["overlong"]
            score = ts_score.finite(score)
        except Exception as error:
            return self.failed(error, facts)
        if self.clip:
            score = min(max(score, float(self.clip[0])), float(self.clip[1]))
        metrics["score"] = score
        return Scored(score, values, paid, metrics, facts, None)

    async def _pay(
        self, trajectory: Trajectory, step: int | None
    ) -> tuple[dict[str, float], dict[str, float]]:
        """(each term's value, what each pays), by name."""
        found = {entry.name: ts_weigh.valued(await entry.value(trajectory)) for entry in self.terms}
        right = "correct" in found and found["correct"].value >= 1
        return (
            {name: ts_score.finite(each.value) for name, each in found.items()},
            {
                entry.name: ts_score.finite(ts_weigh.paid(entry.settings, found[entry.name], right, step))
                for entry in self.terms
            },
        )

    def failed(self, error: Exception, facts: Mapping[str, Any]) -> Scored:
        """What a trajectory earns whose scoring raised `error`."""
        fault = ts_score.told(error)[:500]
        self.faults += 1
        if self.faults <= FAULTS_LOGGED:
            trace = "".join(traceback.format_exception(error))
            logger.error("reward fault %d (pays %s): %s\n%s", self.faults, self.on_error, fault, trace)
        metrics = self._nothing()
        metrics.update(score=self.on_error, ts_fault=1.0)
        return Scored(self.on_error, {}, {}, metrics, dict(facts), fault)

    def _told(self, trajectory: Trajectory, values: Mapping[str, float]) -> dict[str, Any]:
        parsed = len(trajectory.calls)
        metrics = self._nothing()
        metrics.update(values)
        metrics["tool_calls"] = float(parsed)
        metrics["tool_parse_success"] = parsed / max(1, parsed + trajectory.malformed)
        if "correct" in values:
            metrics["acc"] = metrics["task_success"] = values["correct"]
        return metrics

    async def _python(self, ids: list[int], row: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
        asked = Trajectory(
            solution=self.tokenizer.decode(ids, skip_special_tokens=True),
            data_source=row["data_source"],
            ground_truth=row["reward_model"]["ground_truth"],
            extra_info=ts_trajectory.told(row, row.get("extra_info") or {}),
        )
        result = await ts_score.call(self.whole, asked, self.further)
        given = result if isinstance(result, dict) else {"acc": result, "score": result}
        told = {str(key): as_metric(value) for key, value in given.items()}
        told = {key: value for key, value in told.items() if value is not None}
        if "keys" not in self.spec:
            self.keys.update(told)
        metrics = self._nothing()
        metrics.update({key: value for key, value in told.items() if key in self.keys})
        return ts_score.finite(given["score"]), metrics

    def _nothing(self) -> dict[str, Any]:
        """Every metric at 0."""
        if self.whole is not None:
            # V0 takes the keys of a worker's first row, indexes the others by them and asserts that the
            # workers agree. Without `keys` in ts_reward.json they are learnt from the function, so one that
            # changes them can still end a V0 run, as it does under verl's own manager.
            known = {*self.keys, "score", "ts_fault", *(("overlong",) if self.overlong else ())}
            return defaultdict(float, dict.fromkeys(sorted(known), 0.0))
        names = ["score", *(entry.name for entry in self.terms)]
        names += ["tool_calls", "tool_parse_success", "ts_fault"]
        if "correct" in names:
            names += ["acc", "task_success"]
        if self.overlong:
            names.append("overlong")
        return dict.fromkeys(names, 0.0)


def record_facts(trajectory: Trajectory) -> dict[str, Any]:
    """What a record says of a trajectory beside its score. Lengths in tokens, times in seconds."""
    return {
        "turns": len(trajectory.turns),
        "response_tokens": trajectory.response_tokens,
        "policy_tokens": trajectory.policy_tokens,
        "stop": trajectory.stop or None,
        "truncated": trajectory.truncated,
        "calls": [_told_call(call) for call in trajectory.calls],
        "malformed": trajectory.malformed,
        "forged": trajectory.forged,
        "answer": trajectory.answer[:ANSWER_RECORDED],
    }


def _told_call(call: Call) -> dict[str, Any]:
    """executed: whether the loop took it up; error and seconds are of what it was answered."""
    told: dict[str, Any] = {"turn": call.turn, "name": call.name[:64], "fault": call.fault}
    if call.answer is None:
        return {**told, "executed": False}
    return {**told, "executed": True, "error": call.answer.error or None, "seconds": call.answer.seconds}


def as_metric(value: Any) -> float | None:
    """A plain float; NaN for None, which ends validation of 0.7.1 and 0.8.0; None for what is no number."""
    value = plain(value)
    if value is None:
        return math.nan
    if isinstance(value, str | bytes):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
