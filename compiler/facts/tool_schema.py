"""OpenAI tool schemas: what is wrong with one, and what verl's own model of them drops."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from toolspec.compiler.facts.plain_schema import is_plain
from toolspec.compiler.facts.schema_file import FORM, load_schema_file
from toolspec.specs.problem import Problem, Severity

__all__ = ["check_schema", "check_schemas", "load_schema_file", "lost_by_verl"]

MAX_SCHEMA_CHARACTERS = 64_000
"""A schema stands in every prompt; 64,000 characters are some 16,000 tokens."""
MAX_DEPTH = 48

# name: (code, severity). Codes are never reused.
CODES: Mapping[str, tuple[str, Severity]] = MappingProxyType(
    {
        # TS080: schema_file.py
        "tool-name": ("TS081", "error"),
        "parameters-not-object": ("TS082", "error"),
        "schema-invalid": ("TS083", "error"),
        "required-unknown": ("TS084", "error"),
        "duplicate-tool": ("TS085", "error"),
        "schema-reference": ("TS086", "error"),
        "schema-size": ("TS087", "error"),
        "tool-undescribed": ("TS088", "warning"),
    }
)

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

# What verl's schema classes keep (tools/schemas.py:20-50 of 0.7.1, :21-53 of 0.8.0 and 0.9.1).
# Pydantic ignores the rest.
_KEPT_TOOL = frozenset({"type", "function"})
_KEPT_FUNCTION = frozenset({"name", "description", "parameters", "strict"})
_KEPT_PARAMETERS = frozenset({"type", "properties", "required"})
_KEPT_PROPERTY = frozenset({"type", "description", "enum"})


def check_schemas(schemas: Sequence[Mapping[str, Any]], where: str) -> list[Problem]:
    """`check_schema` of each, and names that are given twice."""
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for number, schema in enumerate(schemas, 1):
        problems += check_schema(schema, f"{where}, schema {number}" if len(schemas) > 1 else where)
        function = schema.get("function")
        name = function.get("name") if isinstance(function, Mapping) else None
        if isinstance(name, str) and seen.setdefault(name, number) != number:
            message = f"{where}: schemas {seen[name]} and {number} are both named `{name}`"
            why = "verl keeps its tools by name, so the later one wins"
            problems.append(_fault("duplicate-tool", message, why=why, fix="rename one of them"))
    return problems


def check_schema(schema: Mapping[str, Any], where: str) -> list[Problem]:
    """What is wrong with one tool schema `{"type": "function", "function": {…}}`. Problems have no span.

    where: begins each message, such as `tool search`. Nothing is fetched: a `$ref` may only name a place
    inside.
    """
    function = schema.get("function")
    if schema.get("type") != "function" or not isinstance(function, Mapping):
        return [_fault("schema-invalid", f"{where}: not a tool schema", fix=FORM)]
    if too_large := _size_problem(function, where):
        return [too_large]
    problems = list(_name_problems(function, where))
    if "parameters" not in function:
        return problems
    parameters = function["parameters"]
    if not isinstance(parameters, Mapping) or parameters.get("type") != "object":
        found = parameters.get("type") if isinstance(parameters, Mapping) else parameters
        message = (
            f"{where}: `parameters` has type {json.dumps(found)[:40]}; the arguments of a call are an object"
        )
        return [*problems, _fault("parameters-not-object", message, fix="type: object")]
    invalid = _invalid(parameters, where)
    problems += invalid
    if not invalid:
        problems += _reference_problems(parameters, where)
        problems += _required_problems(parameters, where)
    return problems


def lost_by_verl(schema: Mapping[str, Any]) -> list[str]:
    """JSON pointers of what verl's `OpenAIFunctionToolSchema` drops from a tool schema, outermost only.

    Of a property it keeps `type`, `description` and `enum` (tools/schemas.py, the same on 0.7.1, 0.8.0,
    0.9.1).
    """
    lost = _pointers(schema, _KEPT_TOOL, "")
    function = schema.get("function")
    if not isinstance(function, Mapping):
        return lost
    lost += _pointers(function, _KEPT_FUNCTION, "/function")
    parameters = function.get("parameters")
    if not isinstance(parameters, Mapping):
        return lost
    lost += _pointers(parameters, _KEPT_PARAMETERS, "/function/parameters")
    properties = parameters.get("properties")
    for name, value in properties.items() if isinstance(properties, Mapping) else ():
        if isinstance(value, Mapping):
            lost += _pointers(value, _KEPT_PROPERTY, f"/function/parameters/properties/{_escape(name)}")
    return lost


def _fault(name: str, message: str, *, why: str = "", fix: str = "") -> Problem:
    code, severity = CODES[name]
    return Problem(code, name, message, why=why, fix=fix, severity=severity)


def _name_problems(function: Mapping[str, Any], where: str) -> Iterator[Problem]:
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = (
            f"{where}: the name {json.dumps(name, ensure_ascii=False)[:80]} is not 1 to 64 of A-Z a-z 0-9 _ -"
        )
        fix = re.sub(r"[^a-zA-Z0-9_-]+", "_", name).strip("_")[:64] if isinstance(name, str) else ""
        yield _fault("tool-name", message, fix=fix and f"name: {fix}")
    description = function.get("description")
    if not isinstance(description, str) or not description.strip():
        why = "the model chooses a tool by its description; verl's schema class refuses a tool without one"
        yield _fault("tool-undescribed", f"{where}: there is no `description`", why=why)


def _size_problem(function: Mapping[str, Any], where: str) -> Problem | None:
    stack: list[tuple[Any, int]] = [(function, 1)]
    while stack:
        value, depth = stack.pop()
        if depth > MAX_DEPTH:
            return _fault("schema-size", f"{where}: the schema is nested more than {MAX_DEPTH} deep")
        if isinstance(value, Mapping):
            stack.extend((item, depth + 1) for item in value.values())
        elif isinstance(value, list | tuple):
            stack.extend((item, depth + 1) for item in value)
    size = len(json.dumps(function, ensure_ascii=False, default=str))
    if size > MAX_SCHEMA_CHARACTERS:
        message = f"{where}: the schema has {size:,} characters; at most {MAX_SCHEMA_CHARACTERS:,} are taken"
        return _fault("schema-size", message, why="it stands in every prompt")
    return None


def _invalid(parameters: Mapping[str, Any], where: str) -> list[Problem]:
    if is_plain(parameters):
        return []
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(parameters)
    except SchemaError as error:
        pointer = "".join(f"/{_escape(str(part))}" for part in error.absolute_path)
        at = f" at parameters{pointer}" if pointer else ""
        return [_fault("schema-invalid", f"{where}: not JSON Schema{at}: {error.message[:160]}")]
    return []


def _reference_problems(parameters: Mapping[str, Any], where: str) -> Iterator[Problem]:
    for schema, pointer in _subschemas(parameters):
        for key in ("$ref", "$dynamicRef"):
            target = schema.get(key)
            if not isinstance(target, str):
                continue
            if not target.startswith("#"):
                message = f"{where}: `{key}: {target[:80]}` at parameters{pointer} names another document"
                yield _fault(
                    "schema-reference", message, why="nothing is fetched", fix="write the schema out"
                )
            elif not _resolves(parameters, target):
                message = (
                    f"{where}: `{key}: {target[:80]}` at parameters{pointer} names nothing in `parameters`"
                )
                yield _fault("schema-reference", message, fix="write the schema out")


def _required_problems(parameters: Mapping[str, Any], where: str) -> Iterator[Problem]:
    for schema, pointer in _subschemas(parameters):
        required, properties = schema.get("required"), schema.get("properties", {})
        if pointer and "properties" not in schema:
            continue  # a branch of anyOf may require what its parent declares
        for name in required if isinstance(required, list | tuple) else ():
            if name not in properties:
                known = ", ".join(properties) or "none"
                message = f"{where}: `{name}` is required at parameters{pointer} and is no property ({known})"
                yield _fault(
                    "required-unknown", message, why="a call that obeys the schema cannot be written"
                )


def _subschemas(parameters: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every schema in a schema, with its pointer. `enum`, `default` and the like hold values, not schemas."""
    stack: list[tuple[Any, str]] = [(parameters, "")]
    while stack:
        schema, pointer = stack.pop()
        if not isinstance(schema, Mapping):
            continue
        yield schema, pointer
        for key, value in schema.items():
            here = f"{pointer}/{_escape(key)}"
            if key in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"):
                if isinstance(value, Mapping):
                    stack.extend((item, f"{here}/{_escape(name)}") for name, item in value.items())
            elif key in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list | tuple):
                stack.extend((item, f"{here}/{number}") for number, item in enumerate(value))
            elif key not in ("enum", "const", "default", "examples"):
                stack.append((value, here))


def _resolves(parameters: Mapping[str, Any], target: str) -> bool:
    value: Any = parameters
    for part in target.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list | tuple) and name.isdecimal() and int(name[:6]) < len(value):
            value = value[int(name[:6])]
        else:
            return False
    return target == "#" or target.startswith("#/")


def _pointers(value: Mapping[str, Any], kept: frozenset[str], prefix: str) -> list[str]:
    return [f"{prefix}/{_escape(key)}" for key in value if key not in kept]


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
