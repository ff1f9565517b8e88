"""A tool schema that verl's own classes do not take.

verl validates `tool_schema` with pydantic: a function needs `name` and `description`, parameters need `type` and
`properties`, each property one `type`. 0.7.1 also wants `required`, one text as `type`, and texts as `enum`.
`--unsafe-fixes`, or `toolspec template FILE --rewrite`, writes a schema that is taken and says the same.

Why: the agent loop workers stop when they load the tools, after the models.
Source: tools/schemas.py of each release (0.7.1: :20-50; 0.9.1: :21-53)
Bad:
    --- tools.yaml
    tools:
      - class_name: tools.Calculator
        config: {type: native}
        tool_schema:
          type: function
          function:
            name: calculator
            description: Evaluate an arithmetic expression.
            parameters:
              type: object
              properties:
                expression: {description: The expression., anyOf: [{type: string}, {type: number}]}
              required: [expression]
Bad (verl 0.7.1):
    --- tools.yaml
    tools:
      - class_name: tools.Calculator
        config: {type: native}
        tool_schema:
          type: function
          function:
            name: calculator
            description: Evaluate an arithmetic expression.
            parameters:
              type: object
              properties: {digits: {type: integer, description: Digits., enum: [0, 2]}}
              required: [digits]
Good:
    --- tools.yaml
    tools:
      - class_name: tools.Calculator
        config: {type: native}
        tool_schema:
          type: function
          function:
            name: calculator
            description: Evaluate an arithmetic expression.
            parameters:
              type: object
              properties:
                expression: {type: string, description: The expression.}
              required: [expression]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from toolspec.backends.verl.chat.schema_change import schema_change
from toolspec.backends.verl.lint.facts.tools import TOOLS_FILE
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS316", "tool-schema-refused", "error")

TEXT = "a text"


class Refused(NamedTuple):
    """path: below the function (`parameters`, `properties`, …). said: what is there; want: what the release takes."""

    path: tuple[str, ...]
    said: str
    want: str


def check(view: View) -> Iterator[Found]:
    file = view.facts.tools_file()
    for tool in file.tools if file else ():
        schema = tool.value.get("tool_schema")
        if schema is None or tool.value.get("mcp"):
            continue  # the class has one
        refused = list(_refused(schema, late=view.at_least("0.8.0")))
        assert file is not None
        made = schema_change(file, tool, view.version) if refused else None
        for one in refused:
            path = one.path[2:] if one.path[:2] == ("tool_schema", "function") else one.path
            assert made is not None
            of_property = path[:2] == ("parameters", "properties") and len(path) > 2
            new = made.written(path[2]) if of_property else ""
            yield Found(
                f"{tool.key[5:]}: {'.'.join(path) or 'function'} {one.said}; verl {view.version} takes {one.want}",
                (".".join((tool.key, *path)), TOOLS_FILE),
                fix=f"{path[2]}: {new}" if new else f"{path[-1] if path else 'function'}: {one.want}",
                why="pydantic refuses it when the agent loop workers load the tools, after the models",
                span=file.span(tool, *one.path),
                changes=made.changes,
            )


def _refused(schema: Any, *, late: bool) -> Iterator[Refused]:
    top = ("tool_schema",)
    if not isinstance(schema, dict):
        yield Refused(top, f"is {_shown(schema)}", "{type: function, function: {…}}")
        return
    yield from _text(schema, top, "type")
    function = schema.get("function")
    here = (*top, "function")
    if not isinstance(function, dict):
        yield Refused(here, _what(schema, "function"), "{name, description, parameters}")
        return
    yield from _text(function, here, "name")
    yield from _text(function, here, "description")
    if "parameters" in function:
        yield from _parameters(function["parameters"], (*here, "parameters"), late=late)


def _parameters(value: Any, here: tuple[str, ...], *, late: bool) -> Iterator[Refused]:
    if not isinstance(value, dict):
        yield Refused(here, f"is {_shown(value)}", "{type: object, properties: {…}, required: […]}")
        return
    yield from _text(value, here, "type")
    properties = value.get("properties")
    if not isinstance(properties, dict):
        yield Refused((*here, "properties"), _what(value, "properties"), "a mapping")
    else:
        for name, entry in properties.items():
            yield from _property(entry, (*here, "properties", str(name)), late=late)
    required = value.get("required")
    if ("required" in value or not late) and not _texts(required):
        yield Refused((*here, "required"), _what(value, "required"), "a list of names, [] for none")


def _property(value: Any, here: tuple[str, ...], *, late: bool) -> Iterator[Refused]:
    if not isinstance(value, dict):
        yield Refused(here, f"is {_shown(value)}", "{type, description}")
        return
    kind = value.get("type")
    if not (isinstance(kind, str) or (late and _texts(kind))):
        union = next((word for word in ("anyOf", "oneOf", "allOf", "$ref") if word in value), "")
        said = f"is not given, but {union}" if union and kind is None else _what(value, "type")
        yield Refused((*here, "type"), said, "one text" if not late else "a text or a list of them")
    description, choices = value.get("description"), value.get("enum")
    if description is not None and not isinstance(description, str):
        yield Refused((*here, "description"), _what(value, "description"), TEXT)
    if choices is not None and (not isinstance(choices, list) or (not late and not _texts(choices))):
        yield Refused((*here, "enum"), _what(value, "enum"), "a list" if late else "a list of texts")


def _text(value: Mapping[str, Any], here: tuple[str, ...], key: str) -> Iterator[Refused]:
    if not isinstance(value.get(key), str):
        yield Refused((*here, key), _what(value, key), TEXT)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _what(value: Mapping[str, Any], key: str) -> str:
    return f"is {_shown(value[key])}" if key in value else "is not given"


def _shown(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
