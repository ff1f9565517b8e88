"""A schema that is rewritten for a release is kept whole by it, and says what it said before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema_strategies import facts, tools
from toolspec.backends.verl.chat.seen_schema import as_seen
from toolspec.backends.verl.chat.surviving_schema import MOST_CHARACTERS, surviving
from toolspec.backends.verl.releases import RELEASES

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "book",
        "description": "Book a trip.",
        "parameters": {"type": "object", "properties": {}, "required": []},
    },
}


def rewritten(schema: Mapping[str, Any], release: str) -> dict[str, Any]:
    found = surviving(schema, release)
    assert found is not None
    return found


def of_property(schema: Any, release: str = "0.9.1", more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The rewritten property `p`; more: of the parameters."""
    parameters = {"type": "object", "properties": {"p": schema}, **(more or {})}
    tool = {**TOOL, "function": {**TOOL["function"], "parameters": parameters}}
    found: dict[str, Any] = rewritten(tool, release)["function"]["parameters"]["properties"]["p"]
    return found


def test_what_is_kept_anyway_is_not_touched() -> None:
    plain = {"type": "string", "description": "Where to", "enum": ["a", "b"]}
    for release in RELEASES:
        assert json.dumps(of_property(plain, release)) == json.dumps(plain)
        assert rewritten(TOOL, release) == TOOL


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (
            {"type": "integer", "minimum": 1, "maximum": 10, "default": 3},
            "An integer from 1 to 10, 3 by default.",
        ),
        ({"type": "array", "items": {"type": "string"}}, "A list of strings."),
        (
            {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city"],
            },
            "An object with `city` (string, required) and `days` (integer).",
        ),
        (
            {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5},
            "A number above 0, a multiple of 0.5.",
        ),
        (
            {"type": "string", "description": "The day.", "format": "date", "maxLength": 10},
            "The day. A string of at most 10 characters, in the format date.",
        ),
        (
            {"anyOf": [{"type": "integer", "minimum": 2}, {"type": "null"}]},
            "An integer of at least 2, or null.",
        ),
        (
            {"type": "object", "additionalProperties": {"type": "number"}},
            "An object whose values are each a number.",
        ),
        (
            {"type": "array", "items": {"enum": ["red", "green"], "type": "string"}, "uniqueItems": True},
            'A list of strings, each one of "red", "green", none of them twice.',
        ),
        ({"type": "integer", "description": "how many", "minimum": 1}, "how many: an integer of at least 1."),
    ],
)
def test_what_is_dropped_is_said(schema: dict[str, Any], text: str) -> None:
    for release in RELEASES:
        assert of_property(schema, release) == {"type": schema.get("type", "integer"), "description": text}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "description": "Digits; at most 9.", "maximum": 9},
        {"type": "integer", "description": "How many (default 3)", "default": 3},
        {"type": "array", "description": "Texts to look for", "items": {"type": "string"}},
        {"type": "number", "description": "Must be between 0.5 and 2.", "minimum": 0.5, "maximum": 2},
    ],
)
def test_nothing_is_said_twice(schema: dict[str, Any]) -> None:
    assert of_property(schema)["description"] == schema["description"]


def test_a_number_inside_another_says_nothing() -> None:
    said = of_property({"type": "integer", "description": "Digits of 19 or 0.9", "maximum": 9})
    assert said["description"] == "Digits of 19 or 0.9: an integer of at most 9."


def test_releases_differ_in_what_they_take() -> None:
    choices = {"type": "integer", "enum": [1, 2, 3]}
    assert of_property(choices, "0.7.1") == {"type": "integer", "description": "An integer, one of 1, 2, 3."}
    assert of_property(choices, "0.8.0") == choices
    said = of_property({**choices, "default": 3}, "0.7.1")["description"]
    assert said == "An integer, one of 1, 2, 3 (3 by default)."
    either = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert of_property(either, "0.7.1") == {"type": "integer", "description": "An integer or a string."}
    assert of_property(either, "0.9.1") == {"type": ["integer", "string"]}
    assert rewritten({**TOOL, "function": {"name": "f", "parameters": {}}}, "0.7.1")["function"] == {
        "name": "f",
        "parameters": {"type": "object", "properties": {}, "required": []},
        "description": "",
    }


def test_references_are_followed_to_their_end() -> None:
    tree = {"type": "object", "properties": {"leaves": {"type": "array", "items": {"$ref": "#/$defs/T"}}}}
    said = of_property({"$ref": "#/$defs/T"}, more={"$defs": {"T": tree}})
    assert said["description"] == "An object with `leaves` (list of the same again)."
    assert of_property({"$ref": "#/$defs/T"}, more={"$defs": {"T": {"$ref": "#/$defs/T"}}})["type"]
    assert of_property({"$ref": "https://example.org/x"}, "0.7.1")["type"] == "string"


def test_what_is_said_of_all_arguments_goes_to_the_function() -> None:
    parameters = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        "additionalProperties": False,
    }
    found = rewritten(
        {"type": "function", "function": {**TOOL["function"], "parameters": parameters}}, "0.9.1"
    )
    assert found["function"]["description"] == (
        "Book a trip. At least one of these is required: `a`; `b`. No other arguments are taken."
    )
    function = {**TOOL["function"], "description": "Book", "parameters": {**parameters, "anyOf": []}}
    found = rewritten({"type": "function", "function": {**function, "returns": "the price"}}, "0.9.1")
    assert found["function"]["description"] == "Book. No other arguments are taken. Returns the price."


@given(tools(), st.sampled_from(RELEASES))
def test_a_rewritten_schema_is_kept_whole_and_says_everything(tool: dict[str, Any], release: str) -> None:
    found = rewritten(tool, release)
    seen = as_seen(found, release)
    assert seen.refused == ""
    assert seen.lost == ()
    assert seen.schema == found
    assert rewritten(found, release) == found
    before, after = tool["function"]["parameters"], found["function"]["parameters"]
    assert list(after["properties"]) == list(before["properties"])
    assert after.get("required", []) == before.get("required", [])
    for name, schema in before["properties"].items():
        told = said_of(after["properties"][name])
        for fact in facts(schema):
            assert fact in told or raw(fact) in told, (fact, told)


def said_of(kept: Mapping[str, Any]) -> str:
    """All that the model sees of a property."""
    choices = [json.dumps(value, ensure_ascii=False) for value in kept.get("enum", ())]
    types = kept["type"] if isinstance(kept["type"], list) else [kept["type"]]
    return " ".join([*types, *choices, kept.get("description", "")]).replace("array", "list")


def raw(fact: str) -> str:
    """A text without the quotes of JSON, as a description may have it."""
    try:
        return str(json.loads(fact))
    except ValueError:
        return fact


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        found = {"type": "object", "properties": {"a": found}}
    return found


def doubling(depth: int, form: str) -> dict[str, Any]:
    """Definitions each of which names the next one twice: 2 to the power of `depth` in all."""
    defs: dict[str, Any] = {f"d{n}": {form: [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(depth)}
    return {**defs, f"d{depth}": {"type": "integer", "minimum": 1}}


@pytest.mark.parametrize(
    ("schema", "more"),
    [
        pytest.param(nested(400), {}, id="deep"),
        pytest.param({"enum": [f"v{n}" for n in range(100_000)], "x": 1}, {}, id="choices"),
        pytest.param({"type": "array", "items": {"enum": list(range(100_000))}}, {}, id="inner choices"),
        pytest.param({"type": "object", "properties": {f"p{n}": {} for n in range(50_000)}}, {}, id="wide"),
        pytest.param({"type": "string", "pattern": "a" * 5_000_000}, {}, id="pattern"),
        pytest.param({"type": "string", "default": "b" * 5_000_000}, {}, id="default"),
        pytest.param({"$ref": "#/$defs/d0"}, {"$defs": doubling(60, "anyOf")}, id="anyOf"),
        pytest.param({"$ref": "#/$defs/d0"}, {"$defs": doubling(60, "allOf")}, id="allOf"),
        pytest.param({"$ref": "#/" + "/".join("$defs" for _ in range(100_000))}, {}, id="long reference"),
        pytest.param({"allOf": [{"$ref": "#/properties/p"}] * 40}, {}, id="all of itself"),
        pytest.param(
            {"anyOf": [{"$ref": "#/properties/p"}, {"$ref": "#/properties/p"}]}, {}, id="any of itself"
        ),
    ],
)
def test_hostile_schemas_are_bounded(schema: dict[str, Any], more: dict[str, Any]) -> None:
    """Without bounds most of these do not end."""
    for release in RELEASES:
        found = of_property(schema, release, more)
        assert len(found.get("description", "")) <= MOST_CHARACTERS + 100


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"function": None},
        {"function": {}},
        {"function": {"name": 3}},
        {"function": {"name": "f", "parameters": []}},
    ],
)
def test_what_is_no_schema_is_left_alone(schema: dict[str, Any]) -> None:
    assert surviving(schema, "0.9.1") is None


KEYS = st.sampled_from(
    [
        *(
            "type",
            "description",
            "enum",
            "items",
            "properties",
            "required",
            "default",
            "minimum",
            "anyOf",
            "allOf",
        ),
        *(
            "not",
            "$ref",
            "const",
            "additionalProperties",
            "patternProperties",
            "examples",
            "prefixItems",
            "nullable",
        ),
        *("minItems", "format", "if", "returns", "title", "dependentRequired"),
    ]
)
ODD = st.recursive(
    st.sampled_from((None, True, False, 0, 7, -1.5, "", "object", "null", "#/x", "#", "é")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(KEYS, ODD, max_size=5), st.dictionaries(KEYS, ODD, max_size=5), st.sampled_from(RELEASES)
)
def test_any_data_in_a_schema_is_kept_whole_or_taken_for_none(
    parameters: dict[str, Any], function: dict[str, Any], release: str
) -> None:
    tool = {"type": "function", "function": {**function, "name": "f", "parameters": parameters}}
    found = rewritten(tool, release)
    seen = as_seen(found, release)
    assert (seen.refused, seen.lost) == ("", ())
    assert rewritten(found, release) == found
