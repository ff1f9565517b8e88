"""The process of paid.py: episodes in, what the runtime pays for each out, as JSON on stdin and stdout."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toolspec.backends.verl.parsers import NoAnswer, ParserFailure, parse
from toolspec.compiler.reward.episode import ANSWER, RESULT

MEMORY = 1 << 30
CPU_SECONDS = 8
FILLER = " so"
# (accepted answer, a right one, a wrong one) by `match`.
TRUTHS: Mapping[str, tuple[Any, str, str]] = {
    "choice": ("B", "B", "C"),
    "json": ('{"a": 42}', '{"a": 42}', '{"a": 41}'),
}
NUMBERS = ("42", "42", "41")
# Forms in which an answer is tried, the plainest first.
FORMS = (
    "{}",
    "The answer is {}.",
    "#### {}",
    "\\boxed{{{}}}",
    "<answer>{}</answer>",
    "<answer>\n{}\n</answer>",
    "Answer: {}",
    "Final answer: {}",
    "**{}**",
    "<think>\nso\n</think>\n<answer>{}</answer>",
)


class Pieces:
    """A tokenizer whose tokens are whole texts: each part of an episode is one, a filler is many."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def token(self, text: str) -> int:
        self.texts.append(text)
        return len(self.texts) - 1

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        return "".join(self.texts[one] for one in ids)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    request = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.path.append(request["runtime"])
    scorer = importlib.import_module("ts_scorer")
    settings = {**request["settings"], "format": "hermes", "answer_field": None}
    found = [_paid(scorer, settings, request["release"], each) for each in request["episodes"]]
    json.dump(found, out)
    out.flush()


def _paid(
    scorer: Any, settings: Mapping[str, Any], release: str, each: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The pay with the first answer whose values are those that are wanted."""
    match = next(
        (term.get("match", "exact") for term in settings["terms"] if term["name"] == "correct"), "exact"
    )
    truth, right, wrong = TRUTHS.get(match, NUMBERS)
    vector = each["vector"]
    text = right if vector["answer"] == "right" else wrong
    for form in FORMS if vector["answer"] != "none" else ("{}",):
        answer = form.format(text)
        if match == "exact":  # what is asked for may be anything, the form among it
            truth = form.format(right)
        pieces = Pieces()
        ids, spans, told = _laid_out(pieces, each["parts"], answer, text, vector["tokens"])

        async def calls(turn: list[int], pieces: Pieces = pieces) -> Iterable[tuple[str, str]]:
            try:
                found = parse("hermes", release, pieces.decode(turn), settings.get("tools"))
            except (ParserFailure, NoAnswer):
                return []
            return [(call.name, call.arguments) for call in found.calls]

        row = {
            "data_source": "toolspec",
            "reward_model": {"ground_truth": truth},
            "extra_info": {"needed_calls": 1},
            "global_steps": 0,
            "tool_extra_fields": {
                "ts_spans": spans,
                "ts_truncated": int(vector["truncated"]),
                "ts_answers": told,
            },
        }
        scored = asyncio.run(scorer.Scorer(settings, pieces, parse=calls).score(ids, spans, row))
        if scored.fault is not None:
            continue
        if all(abs(scored.values.get(name, 0.0) - value) < 1e-9 for name, value in each["wanted"].items()):
            return {
                "score": scored.score,
                "values": scored.values,
                "answer": answer if vector["answer"] != "none" else "",
                "result": text,
                "truth": truth,
                "tokens": len(ids),
            }
    return None


def _laid_out(
    pieces: Pieces, parts: Sequence[Mapping[str, Any]], answer: str, result: str, tokens: int
) -> tuple[list[int], list[list[int]], list[Any]]:
    """ids, spans, and the loop's `ts_answers`. Reasoning fills the first turn where a length is asked for."""
    ids: list[int] = []
    spans: list[list[int]] = []
    told: list[Any] = []
    fill = max(0, tokens - len(parts) - 2)
    for number, part in enumerate(parts):
        start = len(ids)
        text = part["text"].replace(ANSWER, answer).replace(RESULT, result)
        if number == 0 and fill:
            filler = pieces.token(FILLER)
            ids += [pieces.token("<think>"), *[filler] * fill, pieces.token("</think>")]
        ids.append(pieces.token(text))
        if part["by"] == "policy":
            spans.append([start, len(ids) - start])
        else:
            told += _answers(len(told), number // 2, text, part["failed"])
    return ids, spans, told


def _answers(first: int, turn: int, told: str, failed: Sequence[bool]) -> Iterator[dict[str, Any]]:
    """As ts_loop.py leaves them."""
    for number, (text, fails) in enumerate(
        zip(told.split("\n") if failed else [], failed, strict=True), first
    ):
        error = "raised" if fails else ""
        yield {"number": number, "turn": turn, "text": text, "error": error, "seconds": 0.0}
