"""Scripts of policies: calls that fit the schemas, in every format, the same for the same seed."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schema_strategies import tools
from toolspec.backends.verl.parsers import FORMATS, parse
from toolspec.backends.verl.parsers.writing import WRITERS, written
from toolspec.backends.verl.rehearsal.cheats import CHEATS
from toolspec.backends.verl.rehearsal.policies import POLICIES, Task, script
from toolspec.compiler.call_arguments import breaking, fitting, of_a_number, of_a_question

TOOL = {
    "type": "function",
    "function": {
        "name": "calc",
        "description": "d",
        "parameters": {
            "type": "object",
            "properties": {"x": {"type": "string", "description": "Numbers, for example 3 * (4 + 5)."}},
            "required": ["x"],
        },
    },
}


def task(**more: Any) -> Task:
    values: dict[str, Any] = {
        "question": "What is 6*7?", "truth": "42", "guess": "41", "form": "#### {}", "format": "hermes",
        "schemas": [TOOL], "needed": 1, "rounds": 3, "limited": True, "dice": random.Random(0),
    }  # fmt: skip
    return Task(**(values | more))


@pytest.mark.parametrize("form", WRITERS)
def test_a_written_call_is_read_back(form: str) -> None:
    arguments = {"x": "3 * (4 + 5)", "n": 3, "yes": True}
    kinds = {"x": "string", "n": "integer", "yes": "boolean"}
    properties = {name: {"type": kind, "description": "d"} for name, kind in kinds.items()}
    parameters = {"type": "object", "properties": properties, "required": []}
    tool = {"type": "function", "function": {"name": "calc", "description": "d", "parameters": parameters}}
    release = FORMATS[form].releases[-1]
    text = f"Well. {written(form, 'calc', arguments)}"
    (call,) = parse(form, release, text, [tool]).calls
    assert (call.name, json.loads(call.arguments)) == ("calc", arguments)


def test_every_format_has_a_writer() -> None:
    assert WRITERS.keys() == FORMATS.keys()


@given(tools(), st.integers())
@pytest.mark.slow
def test_arguments_can_be_made_from_any_schema(tool: dict[str, Any], seed: int) -> None:
    schema = tool["function"].get("parameters") or {}
    found = fitting(schema, of_a_question("What is it?", random.Random(seed)))
    assert found == fitting(schema, of_a_question("What is it?", random.Random(seed)))
    json.dumps([found, fitting(schema, of_a_number(seed))])


def of(**properties: Any) -> dict[str, Any]:
    """A schema that requires all of these."""
    return {"type": "object", "properties": properties, "required": [*properties]}


SCHEMAS: list[dict[str, Any]] = [
    of(a={"type": "integer", "minimum": 3, "maximum": 4}),
    of(a={"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
    of(a={"type": "integer", "exclusiveMaximum": -5}),
    of(a={"type": "integer", "minimum": 5, "multipleOf": 7}),
    of(a={"enum": ["x", 3]}, b={"const": None}),
    of(a={"type": "array", "items": {"type": "boolean"}, "minItems": 2}),
    of(a={"type": ["null", "integer"]}),
    of(a={"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]}),
    {**of(a={"$ref": "#/$defs/p"}), "$defs": {"p": of(n={"type": "string", "minLength": 20})}},
    {**of(a={"type": "string"}), "additionalProperties": False},
    of(a={"type": "number", "multipleOf": 0.25, "minimum": 0.3, "exclusiveMaximum": 1}),
    of(a={"type": "number", "exclusiveMinimum": 0.2, "exclusiveMaximum": 0.4}),
    of(a={"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"}),
    of(a={"type": "string", "format": "date"}),
    of(a={"allOf": [{"type": "integer"}, {"minimum": 5}]}),
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_known_keywords_hold(schema: dict[str, Any]) -> None:
    check = Draft202012Validator(schema)
    for seed in range(20):
        check.validate(fitting(schema, of_a_question("What is it?", random.Random(seed))))
        check.validate(fitting(schema, of_a_number(seed)))
        broken = breaking(schema, of_a_question("What is it?", random.Random(seed)))
        assert broken is not None and not check.is_valid(broken)


def test_a_description_gives_an_example() -> None:
    (call,) = parse("hermes", "0.9.1", task().calls(1)[0], [TOOL]).calls
    assert json.loads(call.arguments) == {"x": "3 * (4 + 5)"}


def test_honest_calls_as_often_as_needed_and_answers_right() -> None:
    made = script("honest", 0, task(needed=2))
    assert len(made.turns) == 3 and made.turns[-1].text == "#### 42"
    assert len(script("honest", 0, task(needed=9)).turns) == 4  # the budget has room for three rounds


@pytest.mark.parametrize("policy", POLICIES)
def test_scripts_repeat_and_differ_by_what_the_policy_does(policy: str) -> None:
    made = [
        script(policy, number, task(common="yes", form="#### {}")) for number in range(len(POLICIES[policy]))
    ]
    assert [one.variant for one in made] == list(POLICIES[policy])
    assert made == [
        script(policy, number, task(common="yes", form="#### {}")) for number in range(len(POLICIES[policy]))
    ]
    assert all(one.turns for one in made)
    bare = task(schemas=[], limited=False, common="yes")
    if any(made(bare) for made in POLICIES[policy].values()):
        turns = [turn for number in range(9) for turn in script(policy, number, bare).turns]
        assert not any("tool_call" in turn.text or turn.endless for turn in turns)
    else:
        with pytest.raises(LookupError):
            script(policy, 0, bare)


def test_only_the_honest_and_the_sloppy_know_the_answer() -> None:
    known = task(truth="777")
    for policy in set(POLICIES) - {"honest", "honest-no-call", "sloppy"}:
        texts = [turn.text for made in POLICIES[policy].values() for turn in made(known) or ()]
        assert any("777" in text for text in texts) == (policy in CHEATS and CHEATS[policy].solves), policy
