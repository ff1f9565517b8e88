"""A trajectory scored and recorded by the runtime: 12 terms, a real tokenizer, the hermes parser, a local disk.

The peer is what any reward must do: decode the ids once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pydoc_data.topics import topics
from typing import Any

from measure import ROOT, load, spread
from table import Row, show

sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "backends" / "verl" / "runtime"), str(ROOT / "src")]

TRAJECTORIES = 200
GOAL = "1 ms per 1,000 response tokens"
TERMS: list[dict[str, Any]] = [
    {"name": "correct", "weight": 1.0, "match": "number", "wrong": -0.5},
    {"name": "valid_call", "weight": 0.2, "schedule": [[100, 0.1]], "between": "linear"},
    {"name": "extra_call", "weight": -0.1, "free": 1},
    {"name": "bad_call", "weight": -1.0, "cap": -0.9, "malformed": -0.5},
    {"name": "format", "weight": 0.1, "pattern": "####"},
    {"name": "repeat_call", "weight": -0.1},
    {"name": "tool_error", "weight": -0.1, "pattern": "^error"},
    {"name": "used_result", "weight": 0.1, "only_if": "correct"},
    {"name": "length", "weight": -1.0, "shape": "overlong", "buffer": 100, "end": 1024},
    {"name": "turns", "weight": -0.01},
    {"name": "truncated", "weight": -0.5, "turns": True},
    {"name": "forged_result", "weight": -1.0},
]
TOOL = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Look something up.",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
}
WORDS = tuple(" ".join(topics.values()).split())


def rows(arguments: argparse.Namespace) -> list[Row]:
    """Goal: under 1 ms per 1,000 response tokens, recorded on a local disk."""
    import ts_record
    import ts_scorer
    from tokenizers import Tokenizer

    from real.environment import real_environment
    from real.tokenizer import model_folder

    tokenizer = Tokenizer.from_file(str(model_folder(real_environment()) / "tokenizer.json"))
    dice = random.Random(1)
    made = [trajectory(dice, tokenizer) for _ in range(TRAJECTORIES)]
    spec = {"version": 1, "format": "hermes", "tools": [TOOL], "terms": TERMS, "clip": [-2, 2]}
    scorer = ts_scorer.Scorer(spec, Decoder(tokenizer), parse=parser(tokenizer))

    async def score_all() -> None:
        for ids, spans, row in made:
            found = await scorer.score(ids, spans, row)
            if found.fault:
                raise RuntimeError(found.fault)
            ts_record.append({**found.facts, "score": found.score, "paid": found.paid})

    def decode_all() -> None:
        for ids, _, _ in made:
            tokenizer.decode(ids)

    with tempfile.TemporaryDirectory() as folder:
        os.environ["TOOLSPEC_RUN_DIR"] = folder
        thousands = sum(len(ids) for ids, _, _ in made) / 1000
        ours = [timed(lambda: asyncio.run(score_all()), thousands) for _ in range(arguments.rounds)]
        theirs = [timed(decode_all, thousands) for _ in range(arguments.rounds)]
    return [
        row_of("a trajectory scored and recorded, per 1,000 response tokens (ms)", ours, GOAL),
        row_of("its ids decoded once", theirs, ""),
    ]


class Decoder:
    """`decode` as transformers has it."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)
        return text


def parser(tokenizer: Any) -> Any:
    """The hermes parser of verl 0.9.1, without verl."""
    from toolspec.backends.verl.parsers.table import parse_ids

    async def calls(ids: list[int]) -> Iterable[tuple[str, str]]:
        found = parse_ids("hermes", "0.9.1", ids, (), Decoder(tokenizer).decode)
        return [(call.name, call.arguments) for call in found.calls]

    return calls


def trajectory(dice: random.Random, tokenizer: Any) -> tuple[list[int], list[list[int]], dict[str, Any]]:
    """Three calls with what they were answered, and an answer: about 1,000 tokens in all."""
    ids: list[int] = []
    spans, answers = [], []

    def write(text: str, policy: bool) -> None:
        more = tokenizer.encode(text, add_special_tokens=False).ids
        if policy:
            spans.append([len(ids), len(more)])
        ids.extend(more)

    for turn in range(3):
        call = json.dumps({"name": "search", "arguments": {"query": " ".join(dice.choices(WORDS, k=6))}})
        told = " ".join(dice.choices(WORDS, k=105)) + f" {turn}{dice.randrange(1000)}"
        thought = " ".join(dice.choices(WORDS, k=45))
        write(f"{thought}\n<tool_call>\n{call}\n</tool_call><|im_end|>", policy=True)
        write(f"<|im_start|>user\n<tool_response>\n{told}\n</tool_response><|im_end|>", policy=False)
        answers.append(
            {
                "number": turn + 1,
                "turn": turn,
                "name": "search",
                "text": told,
                "error": "",
                "seconds": 0.01,
            }
        )
    write(" ".join(dice.choices(WORDS, k=100)) + "\n#### 42<|im_end|>", policy=True)
    fields = {"ts_answers": answers, "ts_stop": "no_tool_call", "ts_truncated": 0, "ts_tools": ["search"]}
    row = {
        "data_source": "x",
        "reward_model": {"ground_truth": "42"},
        "global_steps": 5,
        "tool_extra_fields": fields,
    }
    return ids, spans, row


def timed(work: Callable[[], None], thousands: float) -> tuple[float, float]:
    """(CPU, wall) in ms per 1,000 tokens."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return (
        (time.process_time() - cpu) / thousands * 1000,
        (time.perf_counter() - wall) / thousands * 1000,
    )


def row_of(what: str, samples: list[tuple[float, float]], goal: str) -> Row:
    cpu, wall = ([sample[part] for sample in samples] for part in (0, 1))
    return Row(what, spread(cpu), spread(wall), goal=goal, noise=load())


if __name__ == "__main__":
    show(rows, lambda parser: None, 10)
