"""kimi: `<|tool_call_begin|>NAME<|tool_call_argument_begin|>{…}<|tool_call_end|>` (0.9.1 tool_parser.py:563-659)."""

from __future__ import annotations

import json
import re
from typing import Any

from toolspec.backends.verl.parsers.call import (
    Call,
    Given,
    Parsed,
    Tools,
    call,
    dumped,
    functions,
    parameters,
)
from toolspec.backends.verl.parsers.scan import paired

SECTION = "<|tool_calls_section_begin|>"
OPENER, CLOSER = "<|tool_call_begin|>", "<|tool_call_end|>"
BETWEEN = re.compile(re.escape("<|tool_call_argument_begin|>"))


def read(text: str, given: Given) -> Parsed:
    """The mark of the section need only be somewhere; calls before it are read too, and stand in the content."""
    if SECTION not in text:
        return Parsed(text, ())
    calls = tuple(_call(match.groups, given.tools) for match in paired(text, OPENER, BETWEEN, CLOSER))
    return Parsed(text[: text.find(SECTION)], calls)


def _call(groups: tuple[str, ...], tools: Tools) -> Call:
    """Not guarded by verl: arguments that cannot be written again end the trajectory."""
    written, arguments = groups[0].strip(), _arguments(groups[1])
    return call(_name(written, arguments, tools), dumped(arguments), written)


def _arguments(written: str) -> dict[str, Any]:
    """What is no JSON object is an empty one."""
    try:
        found = json.loads(written.strip())
    except Exception:
        return {}
    return found if isinstance(found, dict) else {}


def _name(written: str, arguments: dict[str, Any], tools: Tools) -> str:
    """The tool that an id such as `functions.NAME:0` means: by its name, by a name inside it, by required arguments."""
    known = functions(tools or ())
    if written in (tool["name"] for tool in known):
        return written
    plain = written.lower().replace("-", "_")
    inside = [tool["name"] for tool in known if tool["name"].lower() in plain]
    if len(inside) == 1:
        return str(inside[0])
    wanted = ((tool["name"], set(parameters(tool).get("required") or ())) for tool in known)
    fits = [name for name, required in wanted if required and required <= set(arguments)]
    return fits[0] if len(fits) == 1 else written
