"""What `Annotated[T, …]` and pydantic's `Field(…)` add to a type: a description, bounds, a pattern."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from toolspec.compiler.facts.literal import literal
from toolspec.compiler.facts.module_names import ModuleNames

_KEYWORDS: Mapping[str, str] = {
    "description": "description",
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
    "regex": "pattern",
    "examples": "examples",
}
_LENGTHS: Mapping[str, str] = {
    "min_length": "min",
    "max_length": "max",
    "min_items": "min",
    "max_items": "max",
}
_CALLS = frozenset(
    {"pydantic.Field", "pydantic.StringConstraints", "annotated_types.Interval", "annotated_types.Len"}
)
# Calls with one positional argument, by the keyword of Field that means the same.
_ONE_ARGUMENT: Mapping[str, str] = {
    "annotated_types.Ge": "ge",
    "annotated_types.Gt": "gt",
    "annotated_types.Le": "le",
    "annotated_types.Lt": "lt",
    "annotated_types.MultipleOf": "multiple_of",
    "annotated_types.MinLen": "min_length",
    "annotated_types.MaxLen": "max_length",
    "typing.Doc": "description",
    "annotated_doc.Doc": "description",
}


class ConstraintError(Exception):
    """A constraint whose value is not a literal."""

    def __init__(self, node: ast.AST, text: str) -> None:
        super().__init__(text)
        self.node, self.text = node, text


def annotated(schema: dict[str, Any], metadata: Sequence[ast.expr], names: ModuleNames) -> dict[str, Any]:
    """The schema of `Annotated[T, *metadata]`, given that of T. The first text is the description.

    Metadata of another kind is ignored, as `typing` asks of its readers. Raises ConstraintError.
    """
    said: dict[str, Any] = {}
    for node in metadata:
        known, value = literal(node)
        if known and isinstance(value, str):
            said.setdefault("description", value)
        elif isinstance(node, ast.Call):
            said |= _call(node, schema, names)
    return {**schema, **said}


def field_keywords(node: ast.Call, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema keywords that a call of `Field` gives. Raises ConstraintError."""
    return {
        key: value
        for keyword in node.keywords
        if keyword.arg
        for key, value in _keyword(keyword.arg, keyword.value, schema).items()
    }


def _call(node: ast.Call, schema: dict[str, Any], names: ModuleNames) -> dict[str, Any]:
    origin = names.origin(node.func) or ""
    if origin in _ONE_ARGUMENT:
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        return _keyword(_ONE_ARGUMENT[origin], values[0], schema) if values else {}
    if origin not in _CALLS:
        return {}
    said = field_keywords(node, schema)
    if origin == "annotated_types.Len":
        for name, value in zip(("min_length", "max_length"), node.args, strict=False):
            said |= _keyword(name, value, schema)
    return said


def _keyword(name: str, node: ast.expr, schema: dict[str, Any]) -> dict[str, Any]:
    if name in _LENGTHS:
        key = _LENGTHS[name] + _length_of(schema)
    elif name in _KEYWORDS:
        key = _KEYWORDS[name]
    else:
        return {}
    known, value = literal(node)
    if not known:
        raise ConstraintError(node, f"`{name}={ast.unparse(node)[:40]}` is not a literal")
    return {} if value is None else {key: value}


def _length_of(schema: dict[str, Any]) -> str:
    kinds = schema.get("type", [])
    return "Items" if "array" in kinds else "Properties" if "object" in kinds else "Length"
