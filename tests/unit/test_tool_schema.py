"""Tool schemas from files, what is wrong with one, and what verl's own model of it drops."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from toolspec.compiler.facts.tool_schema import check_schema, check_schemas, load_schema_file, lost_by_verl
from toolspec.specs.problem import ProblemError

PARAMETERS = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
FUNCTION = {"name": "search", "description": "Search.", "parameters": PARAMETERS}
TOOL = {"type": "function", "function": FUNCTION}


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (TOOL, 1),
        ({"function": FUNCTION}, 1),
        (FUNCTION, 1),
        ({"type": "function", **FUNCTION}, 1),
        ([TOOL, FUNCTION], 2),
        ({"tools": [TOOL]}, 1),
        ({"tools": [{"class_name": "a.B", "config": {"type": "native"}, "tool_schema": TOOL}]}, 1),
    ],
)
@pytest.mark.parametrize("name", ["schema.json", "schema.yaml"])
def test_every_form_gives_the_same_schema(tmp_path: Path, value: Any, count: int, name: str) -> None:
    path = write(tmp_path, name, json.dumps(value, indent=2))
    assert [repr(s) for s in load_schema_file(path)] == [repr(TOOL)] * count  # repr: the order of keys counts


def test_yaml_keeps_order_and_what_looks_like_something_else(tmp_path: Path) -> None:
    text = "name: t\nparameters:\n  type: object\n  properties:\n    no: {enum: [no, 'on', 1]}\n    a: {}\n"
    properties = load_schema_file(write(tmp_path, "s.yml", text))[0]["function"]["parameters"]["properties"]
    assert list(properties.items()) == [("no", {"enum": ["no", "on", 1]}), ("a", {})]


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("a.json", b'{"name": "a",}', 1),
        ("a.json", b'{\n"name": "a",\n"name": "b"}', 1),
        ("a.json", b'{"name": "a", "x": NaN}', 1),
        ("a.json", b"\xff", 1),
        ("a.json", b"[" * 200_000, 1),
        ("a.json", b'{"name": "a", "x": ' + b"1" * 5_000 + b"}", 1),
        ("a.json", b" " * ((1 << 20) + 1), 1),
        ("a.json", b"[]", 1),
        ("a.json", b"3", 1),
        ("a.json", b'[{"name": "a"}, {"description": "b"}]', 1),
        ("a.json", b'{"tools": [{"class_name": "a.B", "config": {}}]}', 1),
        ("a.json", b'{"name": "a", "input_schema": {}}', 1),
        ("a.yaml", b"name: a\nname: b\n", 2),
        ("a.yaml", b"name: [\n", 2),
        ("a.yaml", b"", 1),
        ("a.yaml", b"name: \xff\n", 1),
    ],
)
def test_unusable_files_are_refused_at_a_place_in_them(
    tmp_path: Path, name: str, data: bytes, line: int
) -> None:
    path = write(tmp_path, name, data)
    with pytest.raises(ProblemError) as caught:
        load_schema_file(path)
    span = caught.value.problems[0].span
    assert span is not None and (span.file, span.line) == (str(path), line)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for name in ("pipe.json", "missing.json", "."):
        with pytest.raises(ProblemError):
            load_schema_file(tmp_path / name)


def changed(**parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {**FUNCTION, "parameters": {**PARAMETERS, **parameters}}}


def nested(depth: int) -> Any:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (TOOL, []),
        ({"type": "function", "function": {"name": "ping", "description": "Ping."}}, []),
        (
            changed(
                additionalProperties=False,
                properties={"q": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            ),
            [],
        ),
        (FUNCTION, ["schema-invalid"]),
        ({"type": "function", "function": {**FUNCTION, "name": "my.tool"}}, ["tool-name"]),
        ({"type": "function", "function": {**FUNCTION, "name": "a\n"}}, ["tool-name"]),
        ({"type": "function", "function": {**FUNCTION, "name": "a" * 65}}, ["tool-name"]),
        ({"type": "function", "function": {**FUNCTION, "name": 3}}, ["tool-name"]),
        ({"type": "function", "function": {**FUNCTION, "description": " "}}, ["tool-undescribed"]),
        ({"type": "function", "function": {**FUNCTION, "parameters": {}}}, ["parameters-not-object"]),
        ({"type": "function", "function": {**FUNCTION, "parameters": []}}, ["parameters-not-object"]),
        (changed(type="array"), ["parameters-not-object"]),
        (changed(properties={"q": {"type": "text"}}), ["schema-invalid"]),
        (changed(properties={"q": {"type": "string", "pattern": "("}}), ["schema-invalid"]),
        (changed(properties=[]), ["schema-invalid"]),
        (changed(required=["q", "x"]), ["required-unknown"]),
        (
            changed(properties={"q": {"type": "object", "properties": {}, "required": ["x"]}}),
            ["required-unknown"],
        ),
        (changed(anyOf=[{"required": ["q"]}]), []),
        (changed(properties={"q": {"$ref": "https://example.org/a.json"}}), ["schema-reference"]),
        (changed(properties={"q": {"$ref": "#/$defs/A"}}), ["schema-reference"]),
        (changed(properties={"q": {"$ref": "#/$defs/A~1B"}}, **{"$defs": {"A/B": {}}}), []),
        (changed(properties={"q": {"enum": [{"$ref": "x"}]}}), []),
        (changed(properties={"q": nested(100)}), ["schema-size"]),
        (changed(properties={"q": nested(10_000)}), ["schema-size"]),
        (changed(properties={"q": {"description": "a" * 64_000}}), ["schema-size"]),
    ],
)
def test_check(schema: dict[str, Any], expected: list[str]) -> None:
    problems = check_schema(schema, "tool search")
    assert [p.name for p in problems] == expected
    assert all(p.message.startswith("tool search") and len(p.message) < 400 for p in problems)


def test_a_name_given_twice_and_which() -> None:
    problems = check_schemas([TOOL, {**TOOL, "function": {**FUNCTION, "name": "b"}}, TOOL], "s.json")
    assert [(p.name, "1 and 3" in p.message) for p in problems] == [("duplicate-tool", True)]


RICH = {
    "type": "function",
    "strict": True,
    "function": {
        "name": "book",
        "description": "Book.",
        "strict": False,
        "x-note": 1,
        "parameters": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "plain": {"type": "string", "description": "d", "enum": ["a"]},
                "a/b~c": {"type": "array", "items": {"type": "string", "minLength": 1}},
                "n": {"type": "integer", "minimum": 0, "default": 1},
                "u": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "default": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]},
            },
            "required": ["plain"],
        },
    },
}


def test_lost_by_verl_names_each_outermost_part() -> None:
    at = "/function/parameters/properties"
    assert lost_by_verl(TOOL) == []
    assert lost_by_verl(RICH) == [
        "/strict",
        "/function/x-note",
        "/function/parameters/additionalProperties",
        f"{at}/a~1b~0c/items",
        f"{at}/n/minimum",
        f"{at}/n/default",
        f"{at}/u/anyOf",
        f"{at}/default/properties",
        f"{at}/default/required",
    ]
