"""Arguments of a call from a tool's schema alone: values that fit it, and values that break it."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

# "for example 3 * (4 + 5)", "e.g. Paris, France": what a description offers as an example, up to the sentence's end.
_EXAMPLE = re.compile(
    r"(?:for example|for instance|e\. ?g\.,?|such as|example:)[:\s]+(.+)", re.IGNORECASE | re.DOTALL
)
_QUOTED = re.compile(r"""^["'`“](.+?)["'`”]""", re.DOTALL)
DEEPEST = 8


def fitting(schema: Mapping[str, Any], question: str, dice: random.Random) -> dict[str, Any]:
    """schema: `parameters` of a tool. question: what the user asks, for texts that nothing else is known of."""
    found = _value(schema or {"type": "object"}, question, dice, schema, 0)
    return found if isinstance(found, dict) else {}


def breaking(schema: Mapping[str, Any], question: str, dice: random.Random) -> dict[str, Any] | None:
    """Arguments that the schema refuses; None where it takes any."""
    given = fitting(schema, question, dice)
    required = [name for name in schema.get("required") or () if name in given]
    if required:
        return {name: value for name, value in given.items() if name != required[0]}
    if schema.get("additionalProperties") is False:
        return {**given, "no_such_parameter": 1}
    return None


def _value(
    schema: Any, question: str, dice: random.Random, root: Mapping[str, Any], depth: int, hint: str = ""
) -> Any:
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return question
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("examples"):
        return dice.choice(list(schema["examples"]))
    if schema.get("enum"):
        return dice.choice(list(schema["enum"]))
    if "$ref" in schema:
        return _value(_referred(schema["$ref"], root), question, dice, root, depth + 1, hint)
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return _value(schema[key][0], question, dice, root, depth + 1, hint)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind == "object":
        properties = schema.get("properties") or {}
        names = schema.get("required") or properties
        return {
            name: _value(properties.get(name), question, dice, root, depth + 1)
            for name in names
            if name in properties or schema.get("additionalProperties", True) is not False
        }
    if kind == "array":
        least = max(1, int(schema.get("minItems", 1)))
        return [_value(schema.get("items") or {}, question, dice, root, depth + 1) for _ in range(least)]
    if kind in ("integer", "number"):
        return _number(schema, kind, dice)
    if kind == "boolean":
        return dice.random() < 0.5
    return None if kind == "null" else _text(schema, question)


def _number(schema: Mapping[str, Any], kind: str, dice: random.Random) -> int | float:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    if least is None:
        least = 1 if most is None or most > 1 else most - 9
    if most is None:
        most = least + 9
    low, high = (least + ("minimum" not in schema and "exclusiveMinimum" in schema)), most
    high -= "maximum" not in schema and "exclusiveMaximum" in schema
    value = dice.randint(int(-(-low // 1)), int(max(high // 1, -(-low // 1))))
    step = schema.get("multipleOf")
    if step:
        value = type(step)(-(-low // step) * step)
    return int(value) if kind == "integer" else value


def _text(schema: Mapping[str, Any], question: str) -> str:
    """An example that the description gives, else the question, within the schema's lengths."""
    offered = _EXAMPLE.search(str(schema.get("description") or ""))
    text = question
    if offered is not None:
        quoted = _QUOTED.match(offered[1])
        text = quoted[1] if quoted else re.split(r"[.;]\s|[.;]?$|\n", offered[1], maxsplit=1)[0].strip()
    text = text or "text"
    text = text[: int(schema.get("maxLength", 400))]
    return text.ljust(int(schema.get("minLength", 0)), ".")


def _referred(reference: Any, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for part in str(reference).removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
