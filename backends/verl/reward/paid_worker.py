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

from toolspec.backends.verl.reward.answers import Choice, choices, expected_calls
from toolspec.backends.verl.reward.writing import NoTextError, Style, Writer, style_of
from toolspec.compiler.reward.reward import correct_of

MEMORY = 1 << 30
CPU_SECONDS = 8
FILLER = " so"
READ_BY_FORM = ("correct", "format", "used_result")
"""Terms whose value hangs on the words of the answer."""


class Pieces:
    """A tokenizer whose tokens are whole texts: each part of an episode is one, a filler is many."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def token(self, text: str) -> int:
        self.texts.append(text)
        return len(self.texts) - 1

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        return "".join(self.texts[one] for one in ids)


def limited() -> tuple[dict[str, Any], Any]:
    """(the request, where its answer goes), with limits set, and whatever else is printed going nowhere."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    request = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.path.append(request["runtime"])
    return request, out


def main() -> None:
    request, out = limited()
    settings = {**request["settings"], "answer_field": None}
    paying = _Paying(settings, request["release"])
    found = [paying.of(each) for each in request["episodes"]]
    json.dump(found, out)
    out.flush()


class _Paying:
    def __init__(self, settings: Mapping[str, Any], release: str) -> None:
        self.settings, self.form = settings, str(settings.get("format") or "")
        self.scorer = importlib.import_module("ts_scorer")
        arguments, parser = (importlib.import_module(name) for name in ("ts_arguments", "ts_parser"))
        tools = settings.get("tools") or []

        def check(tool: Mapping[str, Any]) -> Any:
            wrong = arguments.argument_check(tool)
            return lambda given: wrong(arguments.parsed(given))

        checks = {tool["function"]["name"]: check(tool) for tool in tools}
        self.writer = Writer(self.form, release, tools, checks, parser.MARKS.get(self.form, ()))

    def of(self, each: Mapping[str, Any]) -> dict[str, Any]:
        """The pay with the first answer whose values are those that are wanted, or why there is none."""
        vector, turns = each["vector"], each["turns"]
        try:
            texts, number = [], 0
            for turn in turns:
                text, number = self.writer.turn(turn["calls"], number)
                texts.append(text)
        except NoTextError as error:
            return {"missing": str(error)}
        calls = [call for text in texts for call in self.writer.read(text)]
        for choice in choices(self.settings["terms"], vector["answer"]):
            if self._match == "calls":
                told = choice._replace(truth=expected_calls(calls, vector["answer"] == "right"))
            else:
                told = choice
            found = self._scored(vector, turns, texts, told, each)
            if found is not None:
                return found
        return {"missing": "no answer is known that fits the patterns of the reward"}

    @property
    def _match(self) -> str:
        return str(correct_of(self.settings["terms"]).get("match", "exact"))

    def _scored(
        self,
        vector: Mapping[str, Any],
        turns: Sequence[Mapping[str, Any]],
        texts: Sequence[str],
        choice: Choice,
        each: Mapping[str, Any],
    ) -> dict[str, Any] | None:
        """None where the values that the answer decides are others than those that are wanted."""
        pieces = Pieces()
        parts = list(_parts(turns, texts, choice, style_of(self.form), bool(vector["used"])))
        ids, spans, told = _laid_out(pieces, parts, style_of(self.form), vector["tokens"])

        async def calls(turn: list[int]) -> Iterable[tuple[str, str]]:
            return self.writer.read(pieces.decode(turn))

        row = {
            "data_source": "toolspec",
            "reward_model": {"ground_truth": choice.truth},
            "extra_info": {"needed_calls": each["need"]},
            "global_steps": each["step"],
            "tool_extra_fields": {
                "ts_spans": spans,
                "ts_truncated": int(vector["truncated"]),
                "ts_stop": "max_assistant_turns" if vector["out_of_turns"] else "",
                "ts_answers": told,
            },
        }
        scorer = self.scorer.Scorer(self.settings, pieces, parse=calls)
        scored = asyncio.run(scorer.score(ids, spans, row))
        if scored.fault is not None or not _fits(scored.values, each["wanted"], vector["answer"]):
            return None
        if (found := _counted(scored.facts)) != (expected := _expected(vector)):
            return {"missing": f"`{self.form}` reads {found} where {expected} are written"}
        return {
            "score": scored.score,
            "values": scored.values,
            "parts": [{"by": part["by"], "text": part["text"], "texts": part["texts"]} for part in parts],
            "truth": choice.truth,
            "tokens": len(ids),
        }


def _fits(values: Mapping[str, float], wanted: Mapping[str, float], answer: str) -> bool:
    """Partial credit is any between 0 and 1."""
    for name, value in wanted.items():
        has = values.get(name, 0.0)
        if name == "correct" and answer in ("almost", "barely"):
            if not 0 < has < 1:
                return False
        elif abs(has - value) > 1e-9:
            return False
    return True


def _counted(facts: Mapping[str, Any]) -> str:
    """What the runtime counts of the calls."""
    faults = [call["fault"] for call in facts["calls"]]
    unknown = faults.count("unknown tool")
    schema = sum(fault is not None for fault in faults) - unknown
    return _counts(faults.count(None), unknown, schema, facts["malformed"], bool(facts["forged"]))


def _expected(vector: Mapping[str, Any]) -> str:
    valid, unknown, schema, unparsed = (vector[name] for name in ("valid", "unknown", "schema", "unparsed"))
    return _counts(valid, unknown, schema, unparsed, vector["forged"])


def _counts(valid: int, unknown: int, schema: int, unparsed: int, forged: bool) -> str:
    bad = f"{unknown} of unknown tools, {schema} against a schema, {unparsed} unreadable"
    return f"{valid} valid calls, {bad}{', a forged response' if forged else ''}"


def _parts(
    turns: Sequence[Mapping[str, Any]], texts: Sequence[str], choice: Choice, style: Style, used: bool
) -> Iterator[dict[str, Any]]:
    """What policy and tools write in turn. texts: of a tool's part one for each call; failed: whether each fails."""
    for turn, calls in zip(turns, texts, strict=True):
        text = (style.forged if turn["forged"] else "") + calls
        if turn["answers"]:
            text += style.answer.format(choice.answer)
        yield {"by": "policy", "text": text, "texts": []}
        if turn is turns[-1]:
            return
        kinds = [kind for kind in turn["calls"] if kind != "unparsed"]
        told = [
            "error" if fails or kind not in ("valid", "repeated") else choice.result if used else "7"
            for kind, fails in zip(kinds, turn["executed"], strict=False)
        ]
        yield {"by": "tool", "text": "\n".join(told), "texts": told, "failed": turn["executed"]}


def _laid_out(
    pieces: Pieces, parts: Sequence[Mapping[str, Any]], style: Style, tokens: int
) -> tuple[list[int], list[list[int]], list[Any]]:
    """ids, spans, and the loop's `ts_answers`. Reasoning fills the first turn where a length is asked for."""
    ids: list[int] = []
    spans: list[list[int]] = []
    told: list[Any] = []
    fill = max(0, tokens - len(parts) - 2)
    for number, part in enumerate(parts):
        start = len(ids)
        if number == 0 and fill:
            filler = pieces.token(FILLER)
            opening, closing = style.thought
            ids += [pieces.token(opening), *[filler] * fill, pieces.token(closing)]
        ids.append(pieces.token(part["text"]))
        if part["by"] == "policy":
            spans.append([start, len(ids) - start])
        else:
            # As ts_loop.py leaves them.
            for text, fails in zip(part["texts"], part["failed"], strict=True):
                error = "raised" if fails else ""
                answer = {
                    "number": len(told),
                    "turn": number // 2,
                    "text": text,
                    "error": error,
                    "seconds": 0.0,
                }
                told.append(answer)
    return ids, spans, told
