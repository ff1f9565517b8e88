"""The reward manager of the run, named in reward.reward_manager with `source: importlib`.

What is paid stands in ts_reward.json beside this file, in one of two forms:

    {"version": 1, "format": "hermes", "tools": [schemas], "answer_field": null, "on_error": 0.0,
     "terms": [{"name": "correct", "weight": 1.0, "match": "number", "tolerance": 0.0}, ...]}
    {"version": 1, "python": {"file": "reward.py", "function": "compute_score"}, "keys": ["acc"]}

Either may have `overlong` (ts_overlong.py), added to the score. `spans: false` says that the agent loop is one of the
user's own, which leaves no spans: the whole response then counts as written by the policy.

Terms: score = Σ weight × value (ts_terms). `answer_field` is a dotted path in the row (`extra_info.answer`)
in place of reward_model.ground_truth. Python: the function stands in verl's key
reward.custom_reward_function, verl loads it and passes it here, and the release's own naive manager calls it;
`keys` (optional) names the metrics to keep of its dict.

A score never raises: an exception in a reward ends a V0 run and silently drops the trajectory in V1. A fault
pays `on_error`, sets the metric `ts_fault` to 1 and is logged and recorded. Mistakes in ts_reward.json or the
user's files do raise, when the manager is built.

Metrics (`reward_extra_info`), plain floats, the same keys for every trajectory of a run: `score`; each term's
value by its name; `tool_calls` (calls that could be parsed), `tool_parse_success` (their share of all calls
that were opened, 0 without any), `ts_fault`; and with `correct` in the reward `acc` and `task_success`, both
its value. A key that is also a column of the data gets the prefix `reward_`: V0 asserts that they are the
same object.
"""

from __future__ import annotations

import logging
import math
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# verl loads this file by its path, and the sibling modules must be found then too.
_HERE = str(Path(__file__).resolve().parent)
if _HERE not in sys.path:
    sys.path.append(_HERE)

import ts_arguments  # noqa: E402
import ts_load  # noqa: E402
import ts_overlong  # noqa: E402
import ts_record  # noqa: E402
import ts_score  # noqa: E402
import ts_terms  # noqa: E402
import ts_trajectory  # noqa: E402
from ts_parser import Turn, TurnParser, answer_text  # noqa: E402
from ts_trajectory import Call, Trajectory, plain  # noqa: E402
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase  # noqa: E402
from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager  # noqa: E402

logger = logging.getLogger("toolspec")

FAULTS_LOGGED = 20
ANSWER_RECORDED = 500  # characters


class ToolspecRewardManager(RewardManagerBase):  # type: ignore[misc, unused-ignore]
    """Scores one trajectory a call. verl's load_reward_manager builds it with these keywords."""

    def __init__(
        self,
        config: Any,
        tokenizer: Any,
        compute_score: Any,
        reward_router_address: Any = None,
        reward_model_tokenizer: Any = None,
    ) -> None:
        super().__init__(config, tokenizer, compute_score)
        self.spec = ts_load.read_json("ts_reward.json")
        self.on_error = float(self.spec.get("on_error") or 0.0)
        self.overlong = self.spec.get("overlong")
        self.faults = 0
        self.naive: Any = None
        if self.spec.get("python"):
            self.naive = NaiveRewardManager(
                config, tokenizer, compute_score, reward_router_address, reward_model_tokenizer
            )
            self.keys: set[str] = set(self.spec.get("keys") or ())
            return
        settings = self.spec.get("terms")
        if not settings:
            raise ValueError("ts_reward.json has neither `terms` nor `python`")
        self.terms = [
            (str(term["name"]), float(term["weight"]), ts_terms.build(term, compute_score))
            for term in settings
        ]
        self.reads_solution = any(term.get("match") in ("verl", "python") for term in settings)
        tools = self.spec.get("tools") or []
        self.checks = {tool["function"]["name"]: ts_arguments.argument_check(tool) for tool in tools}
        self.form = str(self.spec.get("format") or "")
        self.parser = TurnParser(self.form, tokenizer, tools) if self.form else None

    async def run_single(self, data: Any) -> dict[str, Any]:
        """`data`: one row; from 0.8.0 on several if a loop returns several outputs, and the last counts."""
        fault = ""
        record: dict[str, Any] = {}
        try:
            item = data[-1:][0]
            row = item.non_tensor_batch
            record = describe(row)
            score, metrics, more = await (self._python(data) if self.naive else self._terms(item, row))
            record.update(more)
            if self.overlong:
                metrics["overlong"] = ts_overlong.overlong(
                    self.overlong, len(ts_trajectory.response_ids(item))
                )
                score += metrics["overlong"]
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"[:500]
            self._log(fault)
            score, metrics = self.on_error, self._nothing()
            row = {}
        metrics["ts_fault"] = float(bool(fault))
        metrics["score"] = score
        ts_record.append({**record, "score": score, "metrics": finite_only(metrics), "fault": fault or None})
        return {"reward_score": score, "reward_extra_info": self._named(metrics, data)}

    async def _terms(self, item: Any, row: Mapping[str, Any]) -> tuple[float, dict[str, Any], dict[str, Any]]:
        trajectory, facts = await self._read(item, row)
        values = {name: await term(trajectory) for name, _, term in self.terms}
        score = math.fsum(weight * values[name] for name, weight, _ in self.terms)
        parsed = len(trajectory.calls)
        metrics = self._nothing()
        metrics.update(values)
        metrics["tool_calls"] = float(parsed)
        metrics["tool_parse_success"] = parsed / max(1, parsed + trajectory.malformed)
        if "correct" in values:
            metrics["acc"] = metrics["task_success"] = values["correct"]
        return ts_score.finite(score), metrics, facts

    async def _read(self, item: Any, row: Mapping[str, Any]) -> tuple[Trajectory, dict[str, Any]]:
        """The trajectory as the terms see it, and what the record says about it."""
        extra = dict(row.get("tool_extra_fields") or {})
        ids = ts_trajectory.response_ids(item)
        spans = extra.get("ts_spans")
        if spans is None:
            if self.checks and self.spec.get("spans", True):
                raise ValueError("the agent loop left no ts_spans: it is not ts_loop.SpanToolAgentLoop")
            spans = [[0, len(ids)]]
        turn_ids, at_end = ts_trajectory.policy_turns(ids, spans)
        turns = [await self._turn(part) for part in turn_ids]
        known = plain(extra.get("ts_tools"))
        calls = tuple(
            Call(index, name, arguments, self._fault(name, arguments, known))
            for index, turn in enumerate(turns)
            for name, arguments in turn.calls
        )
        answer = ""
        if at_end and not turns[-1].calls and not turns[-1].malformed:
            answer = answer_text(self._visible(turn_ids[-1], turns[-1]), self.form).strip()
        field = self.spec.get("answer_field") or "reward_model.ground_truth"
        truth = ts_trajectory.lookup(row, field)
        info = dict(plain(row.get("extra_info") or {}))
        info.update(extra)
        info["num_turns"] = plain(row.get("__num_turns__"))
        info["rollout_reward_scores"] = row.get("reward_scores", {})
        trajectory = Trajectory(
            turns=tuple(turn.text for turn in turns),
            calls=calls,
            malformed=sum(turn.malformed for turn in turns),
            answer=answer,
            truncated=bool(extra.get("ts_truncated")),
            solution=self.tokenizer.decode(ids, skip_special_tokens=True) if self.reads_solution else "",
            data_source=str(row.get("data_source", "")),
            truths=ts_trajectory.accepted(truth),
            ground_truth=truth,
            extra_info=info,
        )
        facts = {
            "turns": len(turns),
            "response_tokens": len(ids),
            "policy_tokens": sum(map(len, turn_ids)),
            "stop": extra.get("ts_stop"),
            "truncated": trajectory.truncated,
            "calls": [{"turn": call.turn, "name": call.name[:64], "fault": call.fault} for call in calls],
            "malformed": trajectory.malformed,
            "answer": answer[:ANSWER_RECORDED],
        }
        return trajectory, facts

    async def _turn(self, ids: list[int]) -> Turn:
        if self.parser is None:
            return Turn(self.tokenizer.decode(ids, skip_special_tokens=False), (), 0)
        return await self.parser.parse(ids)

    def _visible(self, ids: list[int], turn: Turn) -> str:
        """The text that an answer is read from: special tokens mark the channels of gpt-oss, else they go."""
        if self.form != "gpt-oss":
            return str(self.tokenizer.decode(ids, skip_special_tokens=True))
        text = turn.text
        for end in ("<|return|>", "<|end|>"):
            text = text.removesuffix(end)
        return text

    def _fault(self, name: str, arguments: str, known: Any) -> str | None:
        """What is wrong with a call; `known` are the tools of this row, None for all."""
        if name not in self.checks or (known is not None and name not in known):
            return "unknown tool"
        return self.checks[name](ts_arguments.parsed(arguments))

    async def _python(self, data: Any) -> tuple[float, dict[str, Any], dict[str, Any]]:
        result = await self.naive.run_single(data[-1:])
        score = ts_score.finite(result["reward_score"])
        told = {str(key): as_metric(value) for key, value in result["reward_extra_info"].items()}
        told = {key: value for key, value in told.items() if value is not None}
        if "keys" not in self.spec:
            self.keys.update(told)
        metrics = self._nothing()
        metrics.update({key: value for key, value in told.items() if key in self.keys})
        return score, metrics, {}

    def _nothing(self) -> dict[str, Any]:
        """Every metric at 0."""
        if self.naive is not None:
            # V0 takes the keys of a worker's first row, indexes the others by them and asserts that the
            # workers agree. Without `keys` in ts_reward.json they are learnt from the function, so one that
            # changes them can still end a V0 run, as it does under verl's own manager.
            known = {*self.keys, "score", "ts_fault", *(("overlong",) if self.overlong else ())}
            return defaultdict(float, dict.fromkeys(sorted(known), 0.0))
        names = ["score", *(name for name, _, _ in self.terms)]
        names += ["tool_calls", "tool_parse_success", "ts_fault"]
        if "correct" in names:
            names += ["acc", "task_success"]
        if self.overlong:
            names.append("overlong")
        return dict.fromkeys(names, 0.0)

    def _named(self, metrics: dict[str, Any], data: Any) -> dict[str, Any]:
        try:
            columns = set(data.non_tensor_batch)
        except Exception:
            return metrics
        for key in [key for key in metrics if key in columns]:
            metrics[f"reward_{key}"] = metrics.pop(key)
        return metrics

    def _log(self, fault: str) -> None:
        self.faults += 1
        if self.faults <= FAULTS_LOGGED:
            trace = traceback.format_exc()
            logger.error("reward fault %d (pays %s): %s\n%s", self.faults, self.on_error, fault, trace)


def as_metric(value: Any) -> float | None:
    """A plain float; NaN for None, which ends validation of 0.7.1 and 0.8.0; None for what is no number."""
    if value is None:
        return math.nan
    if isinstance(value, str | bytes):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def finite_only(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics for JSON, NaN and infinities as null."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in metrics.items()}


def describe(row: Mapping[str, Any]) -> dict[str, Any]:
    """Which trajectory it is. `step`: the V1 trainer's; `weights`: the version that the rollout used."""
    info = plain(row.get("extra_info") or {})
    info = info if isinstance(info, dict) else {}
    extra = row.get("tool_extra_fields") or {}
    return {
        "version": 1,
        "time": round(time.time(), 3),
        "uid": plain(row.get("uid")),
        "session": plain(row.get("session_id")),
        "step": plain(row.get("global_steps")),
        "weights": plain(extra.get("global_steps")),
        "split": info.get("split"),
        "index": info.get("index", plain(row.get("index"))),
        "data_source": plain(row.get("data_source")),
    }
