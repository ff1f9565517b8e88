"""Parts of a tool schema that never reach the model.

Of a property verl keeps `type`, `description` and `enum`, of the parameters `type`, `properties` and `required`;
pydantic drops the rest before the prompt is made. `--unsafe-fixes`, or `toolspec template FILE --rewrite`, says in the
descriptions what is dropped.

Why: the model cannot know the fields of a nested object, and is not told of bounds and defaults.
Source: tools/schemas.py of each release (0.9.1: :21-44); experimental/agent_loop/tool_agent_loop.py:119
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
                operation: {type: object, description: What to do., properties: {left: {type: number}}}
              required: [operation]
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
              properties: {digits: {type: integer, description: Digits., maximum: 9}}
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
              properties: {digits: {type: integer, description: Digits; at most 9., maximum: 9}}
              required: [digits]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolspec.backends.verl.chat.schema_change import schema_change
from toolspec.backends.verl.lint.facts.tools import TOOLS_FILE, Tool, ToolsFile
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS304", "tool-schema-lost", "warning")

FORMS = ("anyOf", "oneOf", "allOf", "patternProperties")
# Keyword → whether its value in the description says the same to the model.
LIMITS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "default",
    "const",
)
WHY = "verl's tool schema keeps only type, description and enum of a property"


def check(view: View) -> Iterator[Found]:
    file = view.facts.tools_file()
    for tool in file.tools if file else ():
        assert file is not None
        lost = [
            (name, found) for name, value in _properties(tool) for found in _lost(file, tool, name, value)
        ]
        made = schema_change(file, tool, view.version) if lost else None
        for name, found in lost:
            assert made is not None
            yield found._replace(fix=made.described(name) or found.fix, changes=made.changes)


def _properties(tool: Tool) -> list[tuple[str, Mapping[str, Any]]]:
    parameters = tool.function.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    listed = properties.items() if isinstance(properties, dict) else ()
    return [(str(name), value) for name, value in listed if isinstance(value, dict)]


def _lost(file: ToolsFile, tool: Tool, name: str, value: Mapping[str, Any]) -> Iterator[Found]:
    at = ("parameters", "properties", name)
    description = str(value.get("description") or "")
    nested = _nested(value)
    if nested:
        where, fields = nested
        unsaid = [field for field in fields if field not in description]
        if unsaid or not fields:
            what = f"the fields {', '.join(unsaid[:6])} of" if unsaid else f"`{where[-1]}` of"
            yield Found(
                f"{tool.key[5:]}: {what} `{name}` never reach the model",
                (".".join((tool.key, *at, *where)), TOOLS_FILE),
                fix="make them parameters of their own, or say them in the description",
                why=WHY,
                span=file.schema_span(tool, *at, *where),
                severity="error",
            )
    limits = [key for key in LIMITS if key in value and not _said(value[key], description)]
    items = value.get("items")
    if isinstance(items, dict) and not nested and (kind := items.get("enum") or items.get("type")):
        words = kind if isinstance(kind, list) else [kind]
        if not any(str(word) in description for word in words) and "enum" in items:
            limits.append("items")
    if limits:
        told = ", ".join(f"{key} {_short(value[key])}" for key in limits if key != "items")
        told = ", ".join(
            part for part in (told, "the choices of its items" if "items" in limits else "") if part
        )
        yield Found(
            f"{tool.key[5:]}: {told} of `{name}` never {'reaches' if len(limits) == 1 else 'reach'} the model",
            (".".join((tool.key, *at)), TOOLS_FILE),
            fix="say it in the description",
            why=WHY,
            span=file.schema_span(tool, *at, limits[0]),
        )


def _nested(value: Mapping[str, Any]) -> tuple[tuple[str, ...], list[str]] | None:
    """Where a property has a structure of its own, and the names of its fields."""
    for form in FORMS:
        if form in value:
            return (form,), []
    for where in (("properties",), ("items", "properties")):
        inner: Any = value
        for step in where:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and inner:
            return where, [str(field) for field in inner]
    return None


def _said(value: Any, description: str) -> bool:
    if value is None or isinstance(value, (dict, list)) or value == "":
        return True  # no default at all, or none that a few words tell
    words = str(value).lower()
    return words in description.lower() or (isinstance(value, float) and f"{value:g}" in description)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 30 else f"{text[:27]}..."
