"""deepseek_v4: DSML, `<｜DSML｜invoke name="NAME">` with typed parameters (0.9.1 tool_parser.py:662-757)."""

from __future__ import annotations

import json
import re
from typing import Any

from toolspec.backends.verl.parsers.call import Call, Given, Parsed, call, dumped
from toolspec.backends.verl.parsers.scan import enclosed, paired

MARK = "｜DSML｜"
OPENER, CLOSER = f"<{MARK}tool_calls>", f"</{MARK}tool_calls>"
INVOKE, INVOKE_END, NAME_END = f'<{MARK}invoke name="', f"</{MARK}invoke>", re.compile('">')
PARAMETER, PARAMETER_END = f'<{MARK}parameter name="', f"</{MARK}parameter>"
TYPED = re.compile('" string="(true|false)">')
THINK_END = "</think>"


def read(text: str, given: Given) -> Parsed:
    """The opening mark alone cuts the content; calls need the closing one."""
    before, opener, _ = text.partition(OPENER)
    content = before.rpartition(THINK_END)[2]
    if not opener:
        return Parsed(content, ())
    calls = tuple(found for match in enclosed(text, OPENER, CLOSER) for found in _calls(match.groups[0]))
    return Parsed(content.removesuffix("\n\n"), calls)


def _calls(written: str) -> list[Call]:
    """The calls of one pair of marks. Where one cannot be written again, verl drops all of them."""
    found = []
    for name, body in (match.groups for match in paired(written, INVOKE, NAME_END, INVOKE_END)):
        triples = (match.groups for match in paired(body, PARAMETER, TYPED, PARAMETER_END))
        arguments = {key: value if kind == "true" else _value(value) for key, kind, value in triples}
        try:
            found.append(call(name, dumped(arguments)))
        except Exception:
            return []
    return found


def _value(written: str) -> Any:
    try:
        return json.loads(written)
    except Exception:
        return written
