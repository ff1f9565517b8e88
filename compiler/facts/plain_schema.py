"""Schemas of the everyday keywords, which need no validator: loading jsonschema costs more than a whole compile.

The table says of each keyword what the metaschema of draft 2020-12 says
(https://json-schema.org/draft/2020-12/schema). A schema with anything else is left to jsonschema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


def is_plain(schema: Any) -> bool:
    """Whether a schema surely is valid JSON Schema. False says nothing: ask jsonschema.

    Only dict, list, str, int, float, bool and None as such are taken, as a parser makes them.
    """
    if type(schema) is bool:
        return True
    return type(schema) is dict and all(
        key in KEYWORDS and KEYWORDS[key](value) for key, value in schema.items()
    )


def _type(value: Any) -> bool:
    return _text(value) and value in _TYPES


def _text(value: Any) -> bool:
    return type(value) is str


def _truth(value: Any) -> bool:
    return type(value) is bool


def _list(value: Any) -> bool:
    return type(value) is list


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _size(value: Any) -> bool:
    return type(value) is int and value >= 0


def _names(value: Any) -> bool:
    return type(value) is list and all(map(_text, value)) and len(set(value)) == len(value)


def _properties(value: Any) -> bool:
    return type(value) is dict and all(_text(name) and is_plain(below) for name, below in value.items())


def _choices(value: Any) -> bool:
    return type(value) is list and bool(value) and all(map(is_plain, value))


def _any(_: Any) -> bool:
    return True


# `pattern` is missing on purpose: jsonschema also compiles it.
KEYWORDS: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "type": _type,
        "title": _text,
        "description": _text,
        "default": _any,
        "const": _any,
        "enum": _list,
        "examples": _list,
        "format": _text,
        "properties": _properties,
        "required": _names,
        "additionalProperties": is_plain,
        "items": is_plain,
        "anyOf": _choices,
        "oneOf": _choices,
        "allOf": _choices,
        "minimum": _number,
        "maximum": _number,
        "exclusiveMinimum": _number,
        "exclusiveMaximum": _number,
        "minLength": _size,
        "maxLength": _size,
        "minItems": _size,
        "maxItems": _size,
        "uniqueItems": _truth,
    }
)
