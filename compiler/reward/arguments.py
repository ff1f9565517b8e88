"""Arguments that fit a tool's schema, made from the schema alone: plain values, a different one for each number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MOST_DEPTH = 12


class NoValueError(Exception):
    """No value is made for such a schema. The message is a clause."""


def arguments(schema: Mapping[str, Any], number: int) -> dict[str, Any]:
    """An object for `parameters` of a tool. Of two numbers the objects differ where a value is free.

    Raises NoValueError.
    """
    found = value(schema.get("function", schema).get("parameters") or {"type": "object"}, number, 0)
    if not isinstance(found, dict):
        raise NoValueError("the parameters are no object")
    if not found:
        # Without a required parameter the calls would be the same: the first that can be given is.
        properties = schema.get("function", schema).get("parameters", {}).get("properties") or {}
        for name, part in properties.items():
            return {name: value(part, number, 1)}
    return found


def value(schema: Any, number: int, depth: int) -> Any:
    """One value for a schema. Raises NoValueError for what has none, or none that is found so simply."""
    if depth > MOST_DEPTH:
        raise NoValueError("the schema is nested too deeply")
    if schema is True or schema == {}:
        return number
    if not isinstance(schema, Mapping):
        raise NoValueError("nothing fits the schema")
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][number % len(schema["enum"])]
    for several in ("anyOf", "oneOf"):
        if schema.get(several):
            return value(schema[several][0], number, depth + 1)
    if {"$ref", "allOf", "not", "pattern", "format"} & set(schema):
        raise NoValueError("the schema asks for more than a plain value")
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    match kind:
        case "object":
            properties = schema.get("properties") or {}
            return {
                name: value(properties.get(name, {}), number, depth + 1)
                for name in schema.get("required") or ()
            }
        case "array":
            return [value(schema.get("items", {}), number, depth + 1)] * max(
                1, int(schema.get("minItems") or 1)
            )
        case "integer" | "number":
            return _number(schema, number)
        case "boolean":
            return number % 2 == 0
        case "null":
            return None
        case _:
            # A letter: some parsers read a text of digits as a number.
            text = f"x{number}"
            text = text.rjust(int(schema.get("minLength") or 0), "x")
            if len(text) > schema.get("maxLength", len(text)):
                raise NoValueError("the text would be too long")
            return text


def _number(schema: Mapping[str, Any], number: int) -> int:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 1001) - 1)
    step = int(schema.get("multipleOf") or 1) or 1
    first = -(-int(low) // step) * step
    found = first + step * (number % max(1, (int(high) - first) // step + 1))
    if not low <= found <= high:
        raise NoValueError("no whole number fits the schema")
    return found


def breaking(schema: Mapping[str, Any]) -> Iterator[Any]:
    """Arguments that a tool's schema may refuse, to be tried: one left out, one too many, another type, no object."""
    try:
        fine = arguments(schema, 1)
    except NoValueError:
        fine = {}
    required = (schema.get("function", schema).get("parameters") or {}).get("required") or ()
    yield {name: each for name, each in fine.items() if name not in required[:1]}
    yield {**fine, "no_such_parameter": "x"}
    for name in fine:
        yield {**fine, name: ["x"]}
        yield {**fine, name: "x"}
    yield ["not", "an", "object"]
