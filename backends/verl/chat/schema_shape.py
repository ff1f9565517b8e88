"""A JSON Schema with its references followed and its combinations put together, as far as that keeps the meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

MOST_STEPS = 32
"""References and combinations within each other."""
MOST_MEMBERS = 64
"""Of an `allOf`; members that are one themselves would double with every step."""
TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
# Keyword → the type that it is about, where none is said.
TYPE_OF: Mapping[str, str] = {
    **dict.fromkeys(("properties", "required", "additionalProperties", "patternProperties"), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"), "array"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"),
    **dict.fromkeys(("pattern", "format", "minLength", "maxLength", "contentEncoding"), "string"),
}
_CHOICE = frozenset({"const", "enum", "type", "title"})


class Shape:
    """roots: where `#/…` is looked for, in this order: the parameters, the function, the whole schema."""

    def __init__(self, roots: Sequence[Schema]) -> None:
        self.roots = roots

    def target(self, schema: Schema) -> Schema:
        """The mapping that a chain of references ends at; a cycle ends where it is met again."""
        for _ in range(MOST_STEPS):
            found = self._found(schema.get("$ref"))
            if found is None or found is schema:
                break
            schema = found
        return schema

    def resolved(self, schema: Schema) -> Schema:
        """Without `$ref`, `allOf` and `const`, where they can be put together with what stands beside them."""
        found = dict(schema)
        for _ in range(MOST_STEPS):
            if "$ref" in found:
                target = self._found(found.pop("$ref"))
                found = {**(target or {}), **found}
            elif isinstance(found.get("allOf"), list):
                members = [one for one in found.pop("allOf") if isinstance(one, Mapping)][:MOST_MEMBERS]
                found = _together([*map(self._one_step, members), found])
            else:
                break
        found.pop("$ref", None)
        if "const" in found and "enum" not in found:
            found["enum"] = [found.pop("const")]
        found.pop("const", None)
        return self._as_choices(found)

    def _one_step(self, schema: Schema) -> Schema:
        """A schema with what its own reference names."""
        target = self._found(schema.get("$ref"))
        if target is None:
            return schema
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**target, **beside}

    def _as_choices(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Alternatives that are all constants are an enum."""
        for key in ("anyOf", "oneOf"):
            listed = schema.get(key)
            if "enum" in schema or not isinstance(listed, list) or not listed:
                continue
            choices: list[Any] = []
            for one in listed:
                if not (
                    isinstance(one, Mapping) and one.keys() <= _CHOICE and one.keys() & {"const", "enum"}
                ):
                    break
                more = one.get("enum") if "enum" in one else [one["const"]]
                choices += more if isinstance(more, list) else []
            else:
                del schema[key]
                schema["enum"] = choices
        return schema

    def _found(self, reference: Any) -> Schema | None:
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        names = [part.replace("~1", "/").replace("~0", "~") for part in reference[1:].split("/")[1:]]
        for root in self.roots:
            here: Any = root
            for name in names:
                if isinstance(here, list) and name.isdecimal() and len(name) < 6 and int(name) < len(here):
                    here = here[int(name)]
                else:
                    here = here.get(name) if isinstance(here, Mapping) else None
            if isinstance(here, Mapping):
                return here
        return None


def _together(members: Sequence[Schema]) -> dict[str, Any]:
    """One schema that asks for all of them; of two values for a keyword that cannot be put together, the later."""
    found: dict[str, Any] = {}
    for member in members:
        for key, value in member.items():
            old = found.get(key)
            if key == "properties" and isinstance(old, Mapping) and isinstance(value, Mapping):
                found[key] = {**old, **value}
            elif key == "required" and isinstance(old, list) and isinstance(value, list):
                found[key] = list(dict.fromkeys([*map(str, old), *map(str, value)]))
            elif key in _TIGHTER and _is_number(old) and _is_number(value):
                found[key] = _TIGHTER[key](old, value)
            elif key == "enum" and isinstance(old, list) and isinstance(value, list):
                found[key] = [one for one in old if one in value]
            elif key == "allOf" and isinstance(old, list) and isinstance(value, list):
                found[key] = [*old, *value]
            else:
                found[key] = value
    return found


_TIGHTER: Mapping[str, Any] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def kinds_of(schema: Schema, shape: Shape) -> list[str]:
    """The types that a value may have, [] for any. schema: resolved."""
    found = list(dict.fromkeys(_kinds(schema, shape, set())))
    if schema.get("nullable") is True and found and "null" not in found:
        found.append("null")
    return [] if set(TYPES) - {"integer"} <= set(found) else found


def _kinds(schema: Schema, shape: Shape, seen: set[int]) -> Iterator[str]:
    """seen: alternatives that were looked at, each of which counts once."""
    written = schema.get("type")
    if isinstance(written, str):
        yield written
    elif isinstance(written, list) and any(isinstance(one, str) for one in written):
        yield from (one for one in written if isinstance(one, str))
    elif isinstance(schema.get("enum"), list) and schema["enum"]:
        yield from (_kind_of_value(value) for value in schema["enum"])
    elif union := next((key for key in ("anyOf", "oneOf") if isinstance(schema.get(key), list)), ""):
        for one in schema[union]:
            target = shape.target(one) if isinstance(one, Mapping) else None
            if target is None or id(target) not in seen:
                seen.add(id(target))
                below = [] if target is None else list(_kinds(shape.resolved(target), shape, seen))
                yield from below or TYPES  # one that takes anything
    else:
        yield from dict.fromkeys(TYPE_OF[key] for key in schema if key in TYPE_OF)


def _kind_of_value(value: Any) -> str:
    if value is None:
        return "null"
    kinds = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "object")


def is_closed(schema: Schema) -> bool:
    """Whether an object takes no field that is not listed."""
    return schema.get("additionalProperties") is False and not schema.get("patternProperties")
