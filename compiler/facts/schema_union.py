"""Unions and enumerations of JSON Schema.

`Optional[T]` is a type list, `{"type": ["integer", "null"]}`, and not `anyOf`: templates and parsers look at
`type` first. With `anyOf` alone the qwen3_coder parser of verl 0.9.1 takes every argument for text
(tool_parser.py:237-241), and verl's own schema class refuses a property without `type`. Only a union that a
type list cannot say is an `anyOf`. The types of a union are sorted, null last, as transformers'
get_json_schema does.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}

_OF_EVERY_TYPE = frozenset({"enum", "description", "default", "examples"})
_GROUP = {"integer": "number"}


def enumeration(values: list[Any]) -> Schema:
    """`{"type", "enum"}` of scalar values, at least one, in their order, each once."""
    unique = {(type(value), value): value for value in values}
    types = list(dict.fromkeys(JSON_TYPES[kind] for kind, _ in unique))
    return {"type": types[0] if len(types) == 1 else types, "enum": list(unique.values())}


def union(parts: list[Schema]) -> Schema:
    """The schema of a union, in the form that the module's docstring says."""
    flat = [branch for part in parts for branch in (part["anyOf"] if set(part) == {"anyOf"} else [part])]
    nullable = {"type": "null"} in flat
    rest: list[Schema] = []
    for branch in flat:
        if branch != {"type": "null"} and branch not in rest:
            rest.append(branch)
    if any(not branch for branch in flat):
        return {}
    if not rest:
        return {"type": "null"}
    if len(rest) == 1:
        merged = rest[0]
    elif _are_told_apart(rest):
        types = sorted({name for branch in rest for name in _type_list(branch)} - {"null"})
        nullable = nullable or any("null" in _type_list(branch) for branch in rest)
        merged = {"type": types[0] if len(types) == 1 else types}
        merged |= {key: value for branch in rest for key, value in branch.items() if key != "type"}
    elif all(set(branch) == {"type", "enum"} for branch in rest):
        merged = enumeration([value for branch in rest for value in branch["enum"]])
    else:
        merged = {"anyOf": rest}
    return _with_null(merged) if nullable else merged


def _are_told_apart(branches: list[Schema]) -> bool:
    """Whether a type list says the union: each keyword besides `type` bears on the one branch that has it.

    `items` says nothing of text, so `str | list[int]` is one; a bound on integers would bear on numbers too.
    """
    if not all("type" in branch for branch in branches):
        return False
    bound = [branch for branch in branches if len(branch) > 1]
    if any(key in _OF_EVERY_TYPE for branch in bound for key in branch):
        return False
    kinds = [{_GROUP.get(name, name) for name in _type_list(branch)} for branch in branches]
    return all(
        kinds[i].isdisjoint(kinds[j])
        for i, branch in enumerate(branches)
        for j in range(len(branches))
        if i != j and len(branch) > 1
    )


def _with_null(schema: Schema) -> Schema:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    types = _type_list(schema) if "type" in schema else ["null"]  # without a type it takes null as it is
    if "null" in types:
        return schema
    with_null: Schema = {**schema, "type": [*types, "null"]}
    if "enum" in schema:
        with_null["enum"] = [*schema["enum"], None]
    return with_null


def _type_list(schema: Schema) -> list[str]:
    kind = schema["type"]
    return list(kind) if isinstance(kind, list) else [kind]
