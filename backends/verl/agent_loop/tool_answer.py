"""What the model reads of a tool: its answer cut to length, or why there is none, in the release's words.

Source: tool_agent_loop.py `_call_tool` (0.7.1 :437-480, 0.8.0 :409-481, 0.9.1 :446-518).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

from toolspec.backends.verl.agent_loop.settings import LoopSettings
from toolspec.backends.verl.parsers import Call

Tool = Callable[[str, Any], str]
"""(name, arguments) → answer. Arguments are what the policy's JSON holds, also where that is no mapping; an exception
is one of the tool's own."""


def tool_answer(call: Call, tool: Tool, names: Collection[str], settings: LoopSettings) -> str:
    if settings.release == "0.7.1":
        try:
            arguments = json.loads(call.arguments)
            if call.name not in names:
                raise KeyError(call.name)
            text = tool(call.name, arguments)
        except Exception as error:
            return f"Error when executing tool: {error}"
        return _cut(text, settings)
    if call.name not in names:
        return f"Unknown function '{call.name}'. Available tools: {list(names)}"
    try:
        arguments = json.loads(call.arguments)
    except json.JSONDecodeError as error:  # other errors of json's end the trajectory
        return f"Invalid JSON in arguments for '{call.name}': {error}"
    try:
        text = tool(call.name, arguments)
    except Exception as error:
        return f"Error executing tool '{call.name}': {error}"
    return _cut(text, settings)


def _cut(text: str, settings: LoopSettings) -> str:
    """0.7.1 has the sides the other way round: its `left` keeps the head."""
    length, side = settings.max_tool_response_length, settings.tool_response_truncate_side
    if len(text) <= length:
        return text
    if side not in ("left", "right"):
        half = length // 2
        return f"{text[:half]}...(truncated)...{text[-half:]}"
    if (side == "left") == (settings.release == "0.7.1"):
        return f"{text[:length]}...(truncated)"
    return f"(truncated)...{text[-length:]}"
