"""Values that stand in the source as literals, as JSON has them; and the members of an enumeration class."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterator
from typing import Any

from toolspec.compiler.facts.module_names import ModuleNames

MAX_CHARACTERS = 4_000
"""A longer default or enumeration value is no help to a model that reads it in every prompt."""


def literal(node: ast.expr) -> tuple[bool, Any]:
    """(True, value as JSON) of a literal; (False, None) of all else, such as bytes or NaN."""
    try:
        value = _as_json(ast.literal_eval(node))
        return (True, value) if len(json.dumps(value)) <= MAX_CHARACTERS else (False, None)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False, None


def _as_json(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_as_json(item) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key that is not text")
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not finite")
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(type(value).__name__)


def enum_members(node: ast.ClassDef, names: ModuleNames) -> Iterator[tuple[str, ast.stmt, tuple[bool, Any]]]:
    """(name, statement, (known, value)) of each member, in order. `auto()` counts as `enum` does."""
    bases = {names.origin(base) for base in node.bases}
    last = 0
    seen: dict[str, tuple[bool, Any]] = {}
    for statement in node.body:
        if not isinstance(statement, ast.Assign):
            continue
        for target in statement.targets:
            if not isinstance(target, ast.Name) or target.id.startswith("_"):
                continue
            value = statement.value
            call = names.origin(value.func) if isinstance(value, ast.Call) else None
            if call == "enum.nonmember":
                continue
            if call == "enum.member" and isinstance(value, ast.Call) and value.args:
                value = value.args[0]
            if call == "enum.auto":
                known: tuple[bool, Any] = (True, target.id.lower() if "enum.StrEnum" in bases else last + 1)
            elif isinstance(value, ast.Name):  # another name of an earlier member
                known = seen.get(value.id, (False, None))
            else:
                known = literal(value)
            seen[target.id] = known
            if type(known[1]) is int:
                last = max(last, known[1])
            yield target.id, statement, known


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a JSON value has a type, and is one of the values, that a schema allows at its top level."""
    if "anyOf" in schema:
        return any(fits(value, branch) for branch in schema["anyOf"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    kinds = schema.get("type")
    if kinds is None:
        return True
    return any(_is(value, kind) for kind in (kinds if isinstance(kinds, list) else [kinds]))


def _is(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        whole = isinstance(value, int) or (
            isinstance(value, float) and (kind == "number" or value.is_integer())
        )
        return whole and not isinstance(value, bool)
    expected = {"string": str, "boolean": bool, "null": type(None), "array": list, "object": dict}[kind]
    return isinstance(value, expected)
