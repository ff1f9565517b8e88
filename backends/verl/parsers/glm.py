"""glm: `<tool_call>NAME<arg_key>…</arg_key><arg_value>…</arg_value></tool_call>` (0.9.1 tool_parser.py:377-449)."""

from __future__ import annotations

import re

from toolspec.backends.verl.parsers.call import Call, Given, Parsed, call, dumped, json_or_text
from toolspec.backends.verl.parsers.scan import SPACE, enclosed, paired

OPENER, CLOSER = "<tool_call>", "</tool_call>"
KEY, VALUE_END = "<arg_key>", "</arg_value>"
BETWEEN = re.compile(rf"</arg_key>{SPACE}*<arg_value>")
BLANKS = re.compile(f"{SPACE}*")
THINK, THINK_END = "<think>", "</think>"


def read(text: str, given: Given) -> Parsed:
    """Anything between the marks is a call: without keys, all of it is the name."""
    if OPENER not in text or CLOSER not in text:
        return Parsed(text, ())
    calls = tuple(found for match in enclosed(text, OPENER, CLOSER) if (found := _call(match.groups[0])))
    return Parsed(_without_thought(text[: text.find(OPENER)]), calls)


def _call(written: str) -> Call | None:
    name, _, _ = written.partition(KEY)
    pairs = (match.groups for match in paired(written, KEY, BETWEEN, VALUE_END))
    arguments = {key.strip(): json_or_text(value) for key, value in pairs}
    try:
        return call(name.strip(), dumped(arguments))
    except Exception:  # too deep to be written: verl logs it and goes on
        return None


def _without_thought(content: str) -> str:
    content = _without_head(content, THINK)
    return _without_head(content, "")


def _without_head(content: str, opener: str) -> str:
    blanks = BLANKS.match(content)
    begin = blanks.end() if blanks else 0
    if not content.startswith(opener or THINK_END, begin):
        return content
    end = content.find(THINK_END, begin + len(opener))
    return content if end < 0 else content[end + len(THINK_END) :]
