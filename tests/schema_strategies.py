"""JSON Schemas of tools as people and generators write them, each with the facts that its text has to keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Draw = Callable[..., Any]

NAMES = st.sampled_from(
    ("city", "days", "x-1", "größe", "a b", "type", "items", "required", "über_all", "n1")
)
# Texts that no other part of a schema says.
WORDS = st.sampled_from(
    ("alpha", "beta beta", "γάμμα", "it's", 'say "no"', "delta-4", "line\nbreak", "null", "")
)
NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))
)
DESCRIPTIONS = st.one_of(
    st.none(),
    st.sampled_from(("How many", "Where to.", "alpha or 3", "a list of strings: x", "Why?", "日本。", " ")),
)


@st.composite
def scalar(draw: Draw) -> dict[str, Any]:
    kind = draw(st.sampled_from(("string", "integer", "number", "boolean")))
    found: dict[str, Any] = {"type": kind}
    if kind == "string":
        if draw(st.booleans()):
            found[draw(st.sampled_from(("minLength", "maxLength")))] = draw(st.integers(0, 99))
        if draw(st.booleans()):
            found[draw(st.sampled_from(("format", "pattern")))] = draw(
                st.sampled_from(("date-time", "^[a-z]+$", "uri"))
            )
    elif kind != "boolean":
        for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
            if draw(st.integers(0, 3)) == 0:
                found[key] = draw(NUMBERS)
    if draw(st.integers(0, 2)) == 0:
        found["default"] = draw(st.one_of(WORDS, NUMBERS, st.none(), st.booleans()))
    return found


@st.composite
def choice(draw: Draw) -> dict[str, Any]:
    values = draw(st.lists(st.one_of(WORDS, st.integers(-9, 9), st.none()), min_size=1, max_size=4))
    form = draw(st.sampled_from(("enum", "const", "anyOf")))
    if form == "enum":
        return {"enum": values}
    return {"const": values[0]} if form == "const" else {"anyOf": [{"const": value} for value in values]}


def larger(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    @st.composite
    def made(draw: Draw) -> dict[str, Any]:
        form = draw(st.sampled_from(("array", "object", "anyOf", "optional", "allOf", "ref")))
        if form == "array":
            found: dict[str, Any] = {"type": "array", "items": draw(inner)}
            if draw(st.booleans()):
                found[draw(st.sampled_from(("minItems", "maxItems")))] = draw(st.integers(0, 50))
            return found
        if form == "object":
            fields = draw(st.dictionaries(NAMES, inner, min_size=1, max_size=3))
            found = {"type": "object", "properties": fields}
            if draw(st.booleans()):
                found["required"] = draw(st.lists(st.sampled_from(sorted(fields)), unique=True))
            if draw(st.booleans()):
                found["additionalProperties"] = False
            return found
        if form == "ref":
            return {"$ref": draw(st.sampled_from(("#/$defs/One", "#/$defs/Tree")))}
        if form == "optional":
            return {"anyOf": [draw(inner), {"type": "null"}], "default": None}
        if form == "allOf":
            return {"allOf": [draw(inner)]}
        return {"anyOf": draw(st.lists(inner, min_size=1, max_size=3))}

    return st.tuples(made(), DESCRIPTIONS).map(
        lambda one: one[0] if one[1] is None else {**one[0], "description": one[1]}
    )


PROPERTIES = st.recursive(st.one_of(scalar(), choice()), larger, max_leaves=6)
DEFS = {
    "One": {"type": "integer", "minimum": 11, "description": "the one of all"},
    "Tree": {"type": "object", "properties": {"leaf": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}},
}


@st.composite
def tools(draw: Draw) -> dict[str, Any]:
    properties = draw(st.dictionaries(NAMES, PROPERTIES, max_size=4))
    parameters: dict[str, Any] = {"type": "object", "properties": properties, "$defs": DEFS}
    if draw(st.booleans()):
        parameters["required"] = draw(st.lists(st.sampled_from(sorted(properties) or ["x"]), unique=True))
    if draw(st.booleans()):
        parameters["additionalProperties"] = False
    function: dict[str, Any] = {"name": "probe", "parameters": parameters}
    if (about := draw(DESCRIPTIONS)) is not None:
        function["description"] = about
    return {"type": "function", "function": function}


def facts(schema: Any, seen: tuple[str, ...] = ()) -> list[str]:
    """Texts that say what a property's schema asks for: bounds, defaults, choices, types of items, names of fields."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [] if name in seen else facts(DEFS[name], (*seen, name))
    found = []
    for key, value in schema.items():
        if key in ("properties",):
            found += [text for name, inner in value.items() for text in (name, *facts(inner, seen))]
        elif key == "items":
            found += facts(value, seen)
            kind = value.get("type")
            found += ["list"] if kind == "array" else [kind] if isinstance(kind, str) else []
        elif key in ("anyOf", "allOf"):
            found += [text for one in value for text in facts(one, seen)]
        elif key == "enum":
            found += [json.dumps(one, ensure_ascii=False) for one in value]
        elif key not in ("type", "description", "required", "additionalProperties"):
            found.append(value if key in ("format", "pattern") else json.dumps(value, ensure_ascii=False))
    return found
