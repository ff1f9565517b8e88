"""The quick answer about a schema is never another than jsonschema's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from toolspec.compiler.facts.plain_schema import KEYWORDS, is_plain

TYPES = ["array", "boolean", "integer", "null", "number", "object", "string", "strong"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from([0.0, 1.5, -2.5]),
    st.sampled_from([*TYPES, "", "["]),
    st.lists(st.sampled_from(["a", "b", 1, None]), max_size=3),
    st.just({}),
)


def schemas(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mappings of the keywords and a few others; half of the values are of the kind that the keyword takes."""
    inner = st.one_of(below, VALUES)
    fitting = {
        "type": st.sampled_from(TYPES),
        "properties": st.dictionaries(st.sampled_from(["x", "y"]), inner, max_size=2),
        "required": st.lists(st.sampled_from(["x", "y"]), max_size=2),
        "items": inner,
        "additionalProperties": inner,
        **dict.fromkeys(["anyOf", "oneOf", "allOf"], st.lists(inner, max_size=2)),
    }
    names = [*KEYWORDS, "pattern", "$ref", "patternProperties", "prefixItems", "if"]
    entries = [st.tuples(st.just(name), st.one_of(fitting.get(name, VALUES), VALUES)) for name in names]
    return st.lists(st.one_of(entries), max_size=3).map(dict)


def accepted(schema: Any) -> bool:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return False
    return True


@settings(max_examples=600)
@given(st.recursive(st.booleans(), schemas, max_leaves=6))
@pytest.mark.slow
def test_what_is_plain_is_valid(schema: Any) -> None:
    if is_plain(schema):
        assert accepted(schema), json.dumps(schema)


@given(st.sampled_from(sorted(KEYWORDS)), VALUES)
def test_each_keyword_alone_as_the_metaschema_has_it(keyword: str, value: Any) -> None:
    if is_plain({keyword: value}):
        assert accepted({keyword: value})


@pytest.mark.parametrize(
    "schema",
    [
        {
            "type": "object",
            "properties": {"q": {"type": "string", "description": "What."}},
            "required": ["q"],
        },
        {"type": "object", "properties": {"n": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}},
        {
            "type": "object",
            "properties": {"t": {"type": "array", "items": {"enum": ["a", 1]}, "minItems": 1}},
        },
    ],
)
def test_schemas_of_tools_are_plain(schema: Any) -> None:
    assert is_plain(schema)
    assert accepted(schema)


@pytest.mark.parametrize(
    "schema", [{"pattern": "["}, {"type": "object", "requird": []}, {1: 2}, [], None, "x"]
)
def test_the_rest_is_left_to_jsonschema(schema: Any) -> None:
    assert not is_plain(schema)
