"""What the scripted policy says: the standard trajectories, and a call written in the format of the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from real.prove.proof import Proof

STANDARD_ROW: dict[str, Any] = {
    "raw_prompt": [{"role": "user", "content": "What is 3 + 4?"}],
    "data_source": "prove",
    "reward_model": {"style": "rule", "ground_truth": "7"},
    "extra_info": {"index": 0},
    "index": 0,
    "tools_kwargs": {},
}
SAMPLES: dict[str, Any] = {"integer": 3, "number": 3.5, "boolean": True, "null": None, "string": "3 + 4"}


def _hermes(name: str, arguments: Any) -> str:
    return (
        f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}\n</tool_call>"
    )


def _qwen3_coder(name: str, arguments: dict[str, Any]) -> str:
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}
    lines = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in values.items())
    return f"<tool_call>\n<function={name}>\n{lines}</function>\n</tool_call>"


CALL_FORMATS: dict[str, Callable[[str, Any], str]] = {"hermes": _hermes, "qwen3_coder": _qwen3_coder}


def reply_text(reply: Any, tool_format: str) -> str:
    """The text of one turn.

    A string, `{"call": {"name", "arguments"}, "before": ...}`, `{"calls": [{"name", "arguments"}, ...]}`, or
    `{"endless": ...}`, a text again and again until the server ends the turn.
    """
    if isinstance(reply, str):
        return reply
    if endless(reply):
        return str(reply["endless"])
    calls = reply["calls"] if "calls" in reply else [reply["call"]]
    written = (CALL_FORMATS[tool_format](call["name"], call["arguments"]) for call in calls)
    return str(reply.get("before", "")) + "\n".join(written)


def endless(reply: Any) -> bool:
    """Whether a turn goes on until a limit ends it."""
    return isinstance(reply, dict) and "endless" in reply


def standard_trajectories(proof: Proof) -> list[dict[str, Any]]:
    """One trajectory that calls the first tool and answers, and one that only answers.

    Formats that `CALL_FORMATS` lacks get the second alone, with a note.
    """
    answer = {"name": "answer only", "replies": ["The answer is #### {answer}"]}
    tool_format = str(proof.get("actor_rollout_ref.rollout.multi_turn.format"))
    if not proof.tools:
        return [answer]
    if tool_format not in CALL_FORMATS:
        proof.notes.append(f"no call was scripted: no way to write one in the format {tool_format}")
        return [answer]
    first = proof.tools[0]
    schema = first.tool_schema.model_dump(exclude_unset=True, exclude_none=True)["function"]
    call = {"name": first.name, "arguments": sample(schema.get("parameters") or {})}
    replies = [{"call": call, "before": "I use the tool.\n"}, "The answer is #### {answer}"]
    return [{"name": "one call", "replies": replies, "calls": [first.name]}, answer]


def sample(schema: dict[str, Any]) -> Any:
    """A value that fits a JSON schema, as simple as possible (no patterns, no references)."""
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return sample(schema[key][0])
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: sample(properties[name]) for name in schema.get("required", properties)}
    if kind == "array":
        return [sample(schema.get("items", {}))] * max(1, schema.get("minItems", 1))
    value = SAMPLES.get(kind, "3 + 4")
    return (
        schema["minimum"]
        if isinstance(value, float | int) and value < schema.get("minimum", value)
        else value
    )
