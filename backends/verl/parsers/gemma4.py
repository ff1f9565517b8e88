"""gemma4: `<|tool_call>call:NAME{KEY:<|"|>text<|"|>,KEY:5}<tool_call|>`
(0.8.0 tool_parser.py:356-430, 0.9.1 :760-816)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from toolspec.backends.verl.parsers.call import Call, Given, Parsed, call, dumped
from toolspec.backends.verl.parsers.scan import word_end, word_start

OPENER, CLOSER = "<|tool_call>", "}<tool_call|>"
CALL = f"{OPENER}call:"
QUOTE = '<|"|>'
VALUE_END = re.compile("[,}]")
CONSTANTS = {"true": True, "false": False, "null": None}


def read(text: str, given: Given) -> Parsed:
    """Without a match, all of the text is content; with one, what is before the first opening mark."""
    matches = list(_written(text))
    if not matches:
        return Parsed(text, ())
    calls = tuple(found for name, body in matches if (found := _call(name, body)) is not None)
    return Parsed(text[: text.find(OPENER)], calls)


def _written(text: str) -> Iterator[tuple[str, str]]:
    r"""`<\|tool_call>call:(\w+)\{(.*?)\}<tool_call\|>`."""
    start = text.find(CALL)
    while start >= 0:
        begin = start + len(CALL)
        after = word_end(text, begin)
        if after > begin and text.startswith("{", after):
            end = text.find(CLOSER, after + 1)
            if end < 0:
                return
            yield text[begin:after], text[after + 1 : end]
            after = end + len(CLOSER)
        start = text.find(CALL, after)


def _call(name: str, body: str) -> Call | None:
    try:
        return call(name, dumped(dict(_arguments(body))))
    except Exception:  # verl logs it and goes on
        return None


def _arguments(body: str) -> Iterator[tuple[str, Any]]:
    """Keys and values. A quoted text with a newline in it is not seen as one; lists and objects fall to pieces."""
    at = 0
    while (colon := body.find(":", at)) >= 0:
        key = body[word_start(body, colon, at) : colon]
        at = colon + 1
        if not key:
            continue
        text = _quoted(body, at)
        if text is not None:
            at += len(text) + 2 * len(QUOTE)
            yield key, text
        else:
            stop = VALUE_END.search(body, at)
            end = stop.start() if stop else len(body)
            yield key, _bare(body[at:end].strip())
            at = end


def _quoted(body: str, at: int) -> str | None:
    if not body.startswith(QUOTE, at):
        return None
    at += len(QUOTE)
    end = body.find(QUOTE, at)
    return None if end < 0 or "\n" in body[at:end] else body[at:end]


def _bare(written: str) -> Any:
    if written.lower() in CONSTANTS:
        return CONSTANTS[written.lower()]
    for number in (int, float):
        try:
            return number(written)
        except ValueError:  # also an integer of too many digits, which verl takes for a float then
            continue
    return written
