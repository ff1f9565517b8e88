"""Each budget of the spec binds where the real loop runs: the calculator with one budget tight, driven and scored.

The policy is cut as the release's server cuts it, by the server's own arithmetic. Every case is run a second time
with the budget taken out of the finished bundle: what is seen must then differ, so no case can pass by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from real.broken import Breakage, Edit, broken_copy, change
from real.compiled import compile_example
from real.environment import Environment
from real.harness import Prover, Reports
from real.prove.engine import SERVERS, turn_limit

pytestmark = pytest.mark.real

ROLLOUT = "actor_rollout_ref__rollout"
TURNS = f"{ROLLOUT}__multi_turn__max_assistant_turns"
RAMBLE = {"endless": "let me think "}
DIGITS = "*".join(["9999999"] * 4)  # a call of 53 tokens with 28 digits as its result, a token each
RIGHT = "#### 42"


def call(expression: str) -> dict[str, Any]:
    return {"name": "calculator", "arguments": {"expression": expression}}


def other(**limits: int | None) -> Edit:
    """ts_loop.json says these limits in place of its own."""

    def edit(folder: Path) -> None:
        path = folder / "ts_loop.json"
        said = json.loads(path.read_text(encoding="utf-8"))
        assert all(said.get(name) is not None for name in limits), f"ts_loop.json lacks one of {limits}"
        path.write_text(json.dumps({**said, **limits}), encoding="utf-8")

    return edit


def trajectory(tokens: int) -> Edit:
    """verl's two keys for the length of a trajectory say another one."""
    return change(**{f"{ROLLOUT}__response_length": tokens, "data__max_response_length": tokens})


@dataclass(frozen=True)
class Case:
    """settings: what is laid over the example. expected: values of `observed`. loosen: takes the budget out."""

    name: str
    settings: tuple[str, ...]
    replies: tuple[Any, ...]
    expected: dict[str, Any]
    loosen: Edit


CASES = (
    Case("turn-tokens-in-each-turn", ("budget.turn_tokens=48",), ({"call": call("6*7")}, RAMBLE),
         {"turns": [25, 48], "stops": ["stop", "length"], "why": "no_tool_call", "truncated": 1, "score": 0.2},
         other(turn_tokens=None)),
    # the call is not closed within the limit: it is not executed, and is a bad one
    Case("turn-tokens-within-a-call", ("budget.turn_tokens=16",), ({"call": call("6*7")}, RIGHT),
         {"turns": [16], "answers": [], "why": "no_tool_call", "truncated": 1, "score": -1.0},
         other(turn_tokens=None)),
    # a turn that ends by itself with its last token is not cut: it answers, and is paid
    Case("turn-tokens-reached-exactly", ("budget.turn_tokens=5",), (RIGHT,),
         {"turns": [5], "stops": ["stop"], "truncated": 0, "score": 1.0},
         other(turn_tokens=4)),
    Case("trajectory-tokens-in-the-first-turn", ("budget.trajectory_tokens=80",), (RAMBLE,),
         {"turns": [80], "total": 80, "why": "response_length", "truncated": 1, "score": 0.0},
         trajectory(81)),
    Case("trajectory-tokens-over-turns", ("budget.trajectory_tokens=80",), ({"call": call("6*7")}, RAMBLE),
         {"total": 80, "why": "response_length", "truncated": 1, "stops": ["stop", "length"], "score": 0.2},
         trajectory(90)),
    # the answer of the tool does not fit: it is left out, and the episode ends with the call
    Case("trajectory-tokens-by-the-tool", ("budget.trajectory_tokens=80",), ({"call": call(DIGITS)}, RIGHT),
         {"total": 53, "why": "tool_response_overflow", "truncated": 0, "policy": 1, "environment": 0},
         trajectory(512)),
    Case("tool-response-tokens", ("budget.tool_response_tokens=16",), ({"call": call(DIGITS)}, RIGHT),
         {"answers": ["99999...(truncated)...0001"], "policy": 2, "environment": 1, "score": 1.2},
         other(tool_response_tokens=None)),
    Case("calls-over-turns", ("budget.calls=1",), ({"call": call("6*7")}, {"call": call("1+1")}, RIGHT),
         {"answers": ["42", "Error: no tool calls left, 1 were allowed. Answer with what you know."],
          "calls": 2, "score": 1.1},
         other(calls=None)),
    Case("calls-within-a-turn", ("budget.calls=1", "rollout.parallel_calls=2"),
         ({"calls": [call("6*7"), call("1+1")]}, RIGHT),
         {"answers": ["42", "Error: no tool calls left, 1 were allowed. Answer with what you know."],
          "environment": 1, "score": 1.1},
         other(calls=None)),
    Case("parallel-calls", ("rollout.parallel_calls=2",), ({"calls": [call("6*7"), call("1+1"), call("2+2")]}, RIGHT),
         {"answers": ["42", "2"], "policy": 2, "environment": 1, "score": 1.0},
         change(**{f"{ROLLOUT}__multi_turn__max_parallel_calls": 3})),
    Case("user-turns", ("budget.user_turns=1",), ({"call": call("6*7")}, {"call": call("1+1")}, RIGHT),
         {"answers": ["42"], "policy": 2, "why": "max_user_turns", "score": 0.1},
         change(**{f"{ROLLOUT}__multi_turn__max_user_turns": None})),
    Case("rounds", ("budget.rounds=1",), ({"call": call("6*7")}, {"call": call("1+1")}, RIGHT),
         {"answers": ["42"], "policy": 2, "why": "max_assistant_turns", "score": 0.1},
         change(**{TURNS: 3})),
    Case("turns", ("budget.rounds=null", "budget.turns=2"), ({"call": call("6*7")}, {"call": call("1+1")}, RIGHT),
         {"answers": ["42"], "policy": 2, "why": "max_assistant_turns", "score": 0.1},
         change(**{TURNS: 3})),
)  # fmt: skip


def observed(seen: dict[str, Any]) -> dict[str, Any]:
    """What a case may expect. policy, environment: runs of tokens by who wrote them, as the mask says."""
    by = [part["by"] for part in seen["segments"]]
    return {
        "turns": seen["turn_tokens"],
        "stops": seen["turn_stops"],
        "total": seen["response_tokens"],
        "answers": [each["text"] for each in seen["calls"]],
        "calls": seen["extra_fields"]["ts_calls"],
        "policy": by.count("policy"),
        "environment": by.count("environment"),
        "why": seen["extra_fields"]["ts_stop"],
        "truncated": seen["extra_fields"]["ts_truncated"],
        "score": pytest.approx(seen["score"]),
    }


@pytest.fixture(scope="module")
def driven(
    prover: Prover, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Reports, Reports]]:
    """driven(release): reports as compiled and with the budget taken out, by the case's name."""

    def of(release: str) -> tuple[Reports, Reports]:
        good = [compile_example("calculator", release, home, case.name, case.settings) for case in CASES]
        folder = tmp_path_factory.mktemp(f"loose-{release}")
        loose = [
            broken_copy(bundle, Breakage(f"{case.name}-loose", "", case.loosen), folder)
            for case, bundle in zip(CASES, good, strict=True)
        ]
        row = {"reward_model": {"style": "rule", "ground_truth": "42"}}
        scripts = {
            name: [{"name": case.name, "replies": list(case.replies), "fields": row}]
            for case in CASES
            for name in (case.name, f"{case.name}-loose")
        }
        reports = prover(release, [*good, *loose], scripts)
        return {case.name: reports[case.name] for case in CASES}, {
            case.name: reports[f"{case.name}-loose"] for case in CASES
        }

    return cache(of)


def _seen(report: dict[str, Any]) -> dict[str, Any]:
    assert report["stages"]["reward"]["status"] == "ok", report["stages"]
    (trajectory,) = report["trajectories"]
    return observed(trajectory)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_budget_binds(case: Case, release: str, driven: Callable[[str], tuple[Reports, Reports]]) -> None:
    """Driven, masked and scored as the spec says (the stages compare the mask with what the policy wrote)."""
    seen = _seen(driven(release)[0][case.name])
    assert {key: seen[key] for key in case.expected} == case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_it_something_else_happens(
    case: Case, release: str, driven: Callable[[str], tuple[Reports, Reports]]
) -> None:
    seen = _seen(driven(release)[1][case.name])
    assert {key: seen[key] for key in case.expected} != case.expected


@pytest.mark.parametrize("engine", SERVERS)
def test_the_servers_arithmetic_is_found(engine: str, release: str, environment: Environment) -> None:
    """`max_tokens` of the request wins, then what is left of both lengths; the context bounds either."""
    limit = turn_limit(environment.wheel(release), engine)
    lengths = SimpleNamespace(prompt_length=100, response_length=50, max_model_len=150)
    spare = 0 if engine == "vllm" or release == "0.7.1" else 1  # tokens of the context that stay free
    assert limit(lengths, [0] * 20, {}) == 50
    assert limit(lengths, [0] * 120, {}) == 30 - spare
    assert limit(lengths, [0] * 20, {"max_tokens": 7}) == 7
    assert limit(lengths, [0] * 20, {"max_tokens": 90}) == 90
    assert limit(lengths, [0] * 145, {"max_tokens": 7}) == 5 - spare
    with pytest.raises(ValueError, match="maximum context length"):
        limit(lengths, [0] * 151, {})
