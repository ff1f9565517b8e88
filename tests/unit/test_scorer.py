"""The scoring core alone: no verl, no toolspec, a score that is the sum of the terms, faults that pay on_error."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
sys.path.append(str(RUNTIME))

ts_scorer = importlib.import_module("ts_scorer")

TOOL = {
    "type": "function",
    "function": {
        "name": "calculator",
        "parameters": {
            "type": "object",
            "properties": {"expression": {"type": "string"}},
            "required": ["expression"],
        },
    },
}
TOOL_CALLING = [
    {"name": "correct", "weight": 1.0, "match": "number"},
    {"name": "valid_call", "weight": 0.2},
    {"name": "extra_call", "weight": -0.1, "free": 1},
    {"name": "bad_call", "weight": -1.0},
]
SPEC: dict[str, Any] = {"version": 1, "format": "hermes", "tools": [TOOL], "terms": TOOL_CALLING}


class Letters:
    """A tokenizer with a token for each character."""

    eos_token_id = 0

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        return "".join(map(chr, ids))


async def hermes(ids: list[int]) -> Iterable[tuple[str, str]]:
    """Calls as the hermes format writes them, sound ones alone."""
    found = re.findall(r"<tool_call>(.*?)</tool_call>", "".join(map(chr, ids)))
    return [(call["name"], json.dumps(call["arguments"])) for call in map(json.loads, found)]


def written(*parts: str) -> tuple[list[int], list[list[int]]]:
    """ids and spans of texts by policy, tool, policy …"""
    ids: list[int] = []
    spans = []
    for number, text in enumerate(parts):
        if number % 2 == 0:
            spans.append([len(ids), len(text)])
        ids += map(ord, text)
    return ids, spans


def call(expression: Any, name: str = "calculator", key: str = "expression") -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': {key: expression}})}</tool_call>"


def scored(*parts: str, spec: dict[str, Any] = SPEC, **row: Any) -> Any:
    ids, spans = written(*parts)
    row = {"data_source": "x", "reward_model": {"ground_truth": "42"}, **row}
    return asyncio.run(ts_scorer.Scorer(spec, Letters(), parse=hermes).score(ids, spans, row))


@pytest.mark.parametrize(
    ("parts", "score"),
    [
        ((call("6*7"), "42", "#### 42"), 1.2),
        ((call("6*7"), "42", "#### 41"), 0.2),
        (("#### 42",), 1.0),
        ((call("6*7"), "42", call("1"), "1", "#### 42"), 1.1),
        ((call("6*7", name="other"), "Error", "#### 42"), 0.0),
        ((call("6*7", key="text"), "Error", "#### 42"), 0.0),
        (("<tool_response>42</tool_response>",), 0.0),
    ],
)
def test_the_seed_reward(parts: tuple[str, ...], score: float) -> None:
    result = scored(*parts)
    assert result.fault is None
    assert result.score == pytest.approx(score)
    weights = {term["name"]: term["weight"] for term in TOOL_CALLING}
    assert sum(weights[name] * value for name, value in result.values.items()) == pytest.approx(score)
    assert result.metrics["score"] == result.score


def test_a_fault_pays_on_error_under_the_same_keys() -> None:
    good = scored("#### 42")
    bad = scored("#### 42", spec={**SPEC, "on_error": -0.5}, reward_model={})
    assert bad.score == -0.5
    assert "no accepted answer" in bad.fault
    assert bad.metrics["ts_fault"] == 1.0
    assert list(bad.metrics) == list(good.metrics)


def test_tools_without_spans_are_a_fault() -> None:
    ids, _ = written("#### 42")
    scorer = ts_scorer.Scorer(SPEC, Letters(), parse=hermes)
    assert "ts_spans" in asyncio.run(scorer.score(ids, None, {})).fault


def test_a_whole_function_is_called_as_verl_calls_it() -> None:
    def compute_score(data_source: str, solution_str: str, ground_truth: Any, extra_info: Any) -> Any:
        return {"score": len(solution_str), "turns": extra_info["num_turns"], "of": data_source}

    spec = {"version": 1, "python": {"file": "x.py", "function": "f"}}
    scorer = ts_scorer.Scorer(spec, Letters(), compute_score)
    row = {"data_source": "x", "reward_model": {"ground_truth": "42"}, "__num_turns__": 4}
    result = asyncio.run(scorer.score([65, 66], None, row))
    assert result.score == 2.0
    assert result.metrics == {"score": 2.0, "turns": 4.0, "ts_fault": 0.0}


class Rude(Exception):
    def __str__(self) -> str:
        raise Rude


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), Rude()])
@pytest.mark.parametrize("awaited", [False, True])
def test_whatever_a_whole_function_raises_is_a_fault(error: BaseException, awaited: bool) -> None:
    def fails(**given: Any) -> Any:
        raise error

    async def fails_later(**given: Any) -> Any:
        raise error

    scorer = ts_scorer.Scorer(
        {"python": {"file": "x.py", "function": "f"}}, Letters(), fails_later if awaited else fails
    )
    row = {"data_source": "x", "reward_model": {"ground_truth": "42"}}
    result = asyncio.run(scorer.score([65], None, row))
    assert (result.score, result.metrics["ts_fault"]) == (0.0, 1.0)
    assert type(error).__name__ in result.fault or "cancelled itself" in result.fault


def test_who_cancels_a_score_is_heeded() -> None:
    """A worker that gives up waits no longer, and nothing is left of the function."""
    ended = []

    async def hangs(**given: Any) -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def run() -> None:
        scorer = ts_scorer.Scorer({"python": {"file": "x.py", "function": "f"}}, Letters(), hangs)
        row = {"data_source": "x", "reward_model": {"ground_truth": "42"}}
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(scorer.score([65], None, row), 0.05)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert ended == [True]


@pytest.mark.parametrize("opening", ["<tool_call>", "<think>", "<tool_call>\n", "```\n\n", "<tool_response>"])
def test_a_page_of_openings_costs_what_a_page_costs(opening: str) -> None:
    """32,000 tokens of one opening: quadratic it was two minutes, in which the worker scores nothing else."""
    terms = [
        *TOOL_CALLING[1:],
        {"name": "correct", "weight": 1, "match": "json"},
        {"name": "forged_result", "weight": -1},
    ]

    async def none(ids: list[int]) -> Iterable[tuple[str, str]]:
        return ()

    ids, spans = written(opening * 32_000)
    scorer = ts_scorer.Scorer({**SPEC, "terms": terms}, Letters(), parse=none)
    row = {"reward_model": {"ground_truth": "42"}}
    began = time.process_time()
    assert asyncio.run(scorer.score(ids, spans, row)).fault is None
    assert time.process_time() - began < 5


def test_it_needs_neither_verl_nor_toolspec() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import ts_scorer\n"
        "assert not {'verl', 'toolspec', 'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-I", "-c", code, str(RUNTIME)], check=True)


def test_without_spans_nothing_that_a_tool_wrote_is_held_against_the_policy() -> None:
    terms = [{"name": "forged_result", "weight": -1.0}]
    text = "<tool_response>42</tool_response>"
    assert scored(text, spec={**SPEC, "terms": terms}).score == -1
    scorer = ts_scorer.Scorer({**SPEC, "terms": terms, "spans": False}, Letters(), parse=hermes)
    assert asyncio.run(scorer.score(list(map(ord, text)), None, {})).score == 0


def test_a_response_that_fills_its_length_is_cut_where_the_loop_says_nothing() -> None:
    spec = {"version": 1, "terms": [{"name": "truncated", "weight": -1.0}], "response_length": 4}
    scorer = ts_scorer.Scorer(spec, Letters())
    scores = [asyncio.run(scorer.score(list(ids), None, {})).score for ids in (b"abc", b"abcd", b"abc\0")]
    assert scores == [0, -1, 0]
    said = {"tool_extra_fields": {"ts_truncated": 0}}
    assert asyncio.run(scorer.score(list(b"abcd"), None, said)).score == 0
