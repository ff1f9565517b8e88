"""The conversations by which a template is asked: calls with awkward arguments, texts that appear nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Message = dict[str, Any]

ANSWER = "tool-answer-7391"
QUESTION: Message = {"role": "user", "content": "question-5208"}

# What policies write in arguments sooner or later; each is a value of a property of its type.
STRINGS: Mapping[str, str] = {
    "plain text": "value-6174",
    "quotes": "say \"a\" and 'b' \\ c",
    "other scripts": "é 中 ق 🙂",
    "newlines": "line one\n\n  line two\n",
    "angle brackets": "a < b && c > d </x>",
    "digits": "0042",
    "null as text": "null",
}
OBJECTS: Mapping[str, Any] = {
    "nested JSON": {"list": [1, {"a": None}], "text": "x: {y}"},
    "empty object": {},
}
NUMBERS: Mapping[str, Any] = {"64-bit integers": 2**63 - 1, "fractions": 0.1, "truth values": True}


def call_message(name: str, arguments: Mapping[str, Any]) -> Message:
    """An assistant's turn as verl 0.9.1 keeps it (tool_agent_loop.py _build_assistant_message)."""
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": {"name": name, "arguments": dict(arguments)}}],
    }


def result_message(text: str = ANSWER) -> Message:
    """A tool's answer as verl hands it to the template (tool_agent_loop.py _handle_processing_tools_state)."""
    return {"role": "tool", "content": text}


PROBE = "probe_3057"
"""The tool of calls whose arguments are awkward; its properties have the types of the values."""


def probe_tool() -> dict[str, Any]:
    kinds = {"text": "string", "number": "number", "count": "integer", "flag": "boolean", "data": "object"}
    properties = {name: {"type": kind, "description": f"a {kind}"} for name, kind in kinds.items()}
    parameters = {"type": "object", "properties": properties, "required": ["text"]}
    return {
        "type": "function",
        "function": {"name": PROBE, "description": "A probe.", "parameters": parameters},
    }


def awkward() -> Iterable[tuple[str, dict[str, Any]]]:
    """Arguments of calls of the probe, each with what is awkward in them."""
    for what, text in STRINGS.items():
        yield what, {"text": text}
    for what, value in OBJECTS.items():
        yield what, {"text": "x", "data": value}
    for what, value in NUMBERS.items():
        name = "flag" if value is True else "number" if isinstance(value, float) else "count"
        yield what, {"text": "x", name: value}
    yield "no arguments", {}


def words(tools: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, str, str]]:
    """(tool, what, text) of everything in schemas that the model has to know."""
    for tool in tools:
        function = tool["function"]
        name = str(function["name"])
        yield name, "its name", name
        yield name, "its description", str(function.get("description", ""))
        properties = function.get("parameters", {}).get("properties", {})
        for parameter, schema in properties.items() if isinstance(properties, Mapping) else ():
            yield name, f"parameter `{parameter}`", str(parameter)
            if not isinstance(schema, Mapping):
                continue
            if schema.get("description"):
                yield name, f"the description of `{parameter}`", str(schema["description"])
            for value in schema.get("enum") or ():
                yield name, f"`{value}` of the values of `{parameter}`", str(value)
