"""The calls of one policy turn: those that the release's parser finds, and those it cannot read.

A call that cannot be parsed leaves no trace in verl (the parsers log and go on), so attempts are counted in
the text: what was opened and not parsed is malformed. An opening inside a closed `<think>` block is talk
about calls.

Parsers: tool_parser.py of each release. hermes, gpt-oss, qwen3_coder on all; gemma4 from 0.8.0; glm, seed,
minimax, kimi, deepseek_v4 from 0.9.0.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

# The calls of a policy turn, (name, JSON arguments) each, from its token ids.
Parse = Callable[[list[int]], Awaitable[Iterable[tuple[str, str]]]]

# format → (opening, closing) of a call; where there are two (a container and the call in it) the larger count
# is taken.
MARKS: dict[str, tuple[tuple[str, str], ...]] = {
    "hermes": (("<tool_call>", "</tool_call>"),),
    "qwen3_coder": (("<tool_call>", "</tool_call>"), ("<function=", "</function>")),
    "gpt-oss": ((" to=functions.", "<|call|>"),),
    "gemma4": (("<|tool_call>", "<tool_call|>"),),
    "glm": (("<tool_call>", "</tool_call>"),),
    "seed": (("<seed:tool_call>", "</seed:tool_call>"),),
    "minimax": (("<minimax:tool_call>", "</minimax:tool_call>"), ("<invoke name=", "</invoke>")),
    "kimi": (
        ("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
        ("<|tool_call_begin|>", "<|tool_call_end|>"),
    ),
    "deepseek_v4": (
        ("<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>"),
        ("<｜DSML｜invoke name=", "</｜DSML｜invoke>"),
    ),
}

_ANALYSIS = re.compile(r"<\|channel\|>analysis<\|message\|>.*?(?:<\|end\|>|$)", re.DOTALL)
_FORGED = re.compile(r"<(\|?)tool_response(\|?)>.*?(?:</tool_response>|<tool_response\|>|$)", re.DOTALL)
_FINAL = "<|channel|>final<|message|>"


class Turn(NamedTuple):
    """A policy turn: text with special tokens, (name, JSON arguments) of parsed calls, malformed calls."""

    text: str
    calls: tuple[tuple[str, str], ...]
    malformed: int


def closed_parts(text: str, opening: str, closing: str) -> tuple[int, str]:
    """How many parts from an opening to the next closing there are, and the text without them.

    In one pass: a pattern looks for the closing of each opening anew, which a page of openings makes quadratic.
    """
    kept: list[str] = []
    count, end = 0, 0
    while True:
        start = text.find(opening, end)
        close = text.find(closing, start + len(opening)) if start >= 0 else -1
        if close < 0:
            return count, "".join([*kept, text[end:]])
        count += 1
        kept.append(text[end:start])
        end = close + len(closing)


def without_thoughts(text: str) -> str:
    """The text without closed `<think>` blocks."""
    return closed_parts(text, "<think>", "</think>")[1]


def without_reasoning(text: str) -> str:
    """The text outside `<think>`.

    Closed blocks go, so does all before a `</think>` that was opened in the prompt, and all after a `<think>`
    that is never closed.
    """
    text = without_thoughts(text)
    _, closed, after = text.rpartition("</think>")
    return (after if closed else text).partition("<think>")[0]


def attempts(text: str, form: str) -> int:
    """How many calls the text opens: each closed one, and one more where an opening is never closed."""
    text = _ANALYSIS.sub("", text) if form == "gpt-oss" else without_thoughts(text)
    most = 0
    for opening, closing in MARKS.get(form, ()):
        count, rest = closed_parts(text, opening, closing)
        most = max(most, count + (opening in rest))
    return most


def forged(text: str, form: str, opened: re.Pattern[str]) -> int:
    """How many tool responses a policy turn opens itself, reasoning apart. opened: ts_forged.py."""
    outside = _ANALYSIS.sub("", text) if form == "gpt-oss" else without_reasoning(text)
    return len(opened.findall(outside))


def answer_text(text: str, form: str) -> str:
    """What a turn says to the user.

    Reasoning is off; for gpt-oss (special tokens still in the text) the last final channel is taken. A tool
    response that the policy wrote itself is off too: nothing in it is an answer.
    """
    if form == "gpt-oss":
        _, found, after = text.rpartition(_FINAL)
        return after if found else ""
    return _FORGED.sub(" ", without_reasoning(text))


def release_parser(form: str, tokenizer: Any, tools: list[dict[str, Any]]) -> Parse:
    """The release's own parser with the run's schemas. Raises ValueError for a format that the release lacks."""
    from ts_schema import RawToolSchema
    from verl.experimental.agent_loop.tool_parser import ToolParser

    parser = ToolParser.get_tool_parser(form, tokenizer)
    schemas = [RawToolSchema(tool) for tool in tools]

    async def parse(ids: list[int]) -> list[tuple[str, str]]:
        _, found = await parser.extract_tool_calls(ids, schemas)
        return [(str(call.name), str(call.arguments)) for call in found]

    return parse


class TurnParser:
    """Turns from token ids. `parse`: in place of the release's parser. Raises what `release_parser` does."""

    def __init__(
        self, form: str, tokenizer: Any, tools: list[dict[str, Any]], parse: Parse | None = None
    ) -> None:
        self.form = form
        self.tokenizer = tokenizer
        self.calls = parse or release_parser(form, tokenizer, tools)

    async def parse(self, ids: list[int]) -> Turn:
        """`ids` of one policy turn, its end token included."""
        text = self.tokenizer.decode(ids, skip_special_tokens=False)
        marks = MARKS.get(self.form)
        if marks is not None and not any(opening in text for opening, _ in marks):
            return Turn(text, (), 0)
        calls = tuple(await self.calls(ids))
        return Turn(text, calls, max(0, attempts(text, self.form) - len(calls)))
