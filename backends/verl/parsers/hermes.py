"""hermes: `<tool_call>{"name": …, "arguments": …}</tool_call>`
(0.9.1 tool_parser.py:96-137; the same in all releases)."""

from __future__ import annotations

import json

from toolspec.backends.verl.parsers.call import Call, Given, Parsed, call, dumped
from toolspec.backends.verl.parsers.scan import enclosed, without

OPENER, CLOSER = "<tool_call>", "</tool_call>"


def read(text: str, given: Given) -> Parsed:
    matches = list(enclosed(text, OPENER, CLOSER))
    found = (_call(match.groups[0]) for match in matches)
    return Parsed(without(text, matches), tuple(one for one in found if one is not None))


def _call(written: str) -> Call | None:
    try:
        value = json.loads(written)
        return call(value["name"], dumped(value["arguments"]))
    except Exception:  # verl logs it and goes on
        return None
