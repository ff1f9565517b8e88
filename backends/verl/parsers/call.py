"""What a parser returns, what it takes, and the ways in which it has no answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Tools = Sequence[Mapping[str, Any]] | None
"""Tool schemas as plain dicts, in the shape of verl's OpenAIFunctionToolSchema (tools/schemas.py). None: verl was given
no list, which 0.7.1 and 0.8.0 do not take for an empty one."""


class Call(NamedTuple):
    """arguments: JSON text as verl passes it on. call_id: the id that the model wrote, which only kimi reads."""

    name: str
    arguments: str
    call_id: str | None = None


class Parsed(NamedTuple):
    """content: the text that verl takes for what is no call."""

    content: str
    calls: tuple[Call, ...]


class Given(NamedTuple):
    """What a parser reads beside the text. release: of verl."""

    tools: Tools
    release: str


class ParserFailure(Exception):
    """verl's parser raises. The message is the name of the exception's class."""


class NoAnswer(Exception):
    """verl would run the policy's text as code, or work out more than is done here; what comes out is not known."""


class ValidationError(ValueError):
    """The name that pydantic's refusal has, for a name of a call that is no text."""


def call(name: Any, arguments: str, call_id: str | None = None) -> Call:
    """The call, with the one check of verl's FunctionCall that can fail: `name` comes out of the policy's JSON."""
    if not isinstance(name, str):
        raise ValidationError(f"a name is text, not {type(name).__name__}")
    return Call(name, arguments, call_id)


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def json_or_text(text: str) -> Any:
    """A value of glm, seed and minimax: JSON where it is any, else the text without blanks around it."""
    text = text.strip()
    try:
        return json.loads(text)
    except Exception:  # as verl: too deep or too many digits is text, too
        return text


def functions(tools: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [tool["function"] for tool in tools if tool["type"] == "function"]


def parameters(function: Mapping[str, Any]) -> Mapping[str, Any]:
    """`parameters` of a function; verl's model puts an empty object where it is left out."""
    found: Mapping[str, Any] = function.get("parameters", {"properties": {}})
    return found
