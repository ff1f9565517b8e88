"""The change that makes a tool's schema one that a release keeps, and its words. Without pydantic: lint is fast."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from toolspec.backends.verl.chat.surviving_schema import surviving
from toolspec.backends.verl.lint.facts.tools import Tool, ToolsFile
from toolspec.backends.verl.lint.rule import Lay

MOST_SHOWN = 160


class SchemaChange(NamedTuple):
    """changes: for a finding; () where the schema is none. schema: the new one, {} for none."""

    changes: tuple[Lay, ...]
    schema: Mapping[str, Any]

    def described(self, name: str) -> str:
        """`description: "…"` of a property as it is to be; "" where there is nothing to say."""
        text = self._property(name).get("description")
        return f"description: {_short(text)}" if isinstance(text, str) else ""

    def written(self, name: str) -> str:
        """The whole property as it is to be, on one line; "" where there is none."""
        found = self._property(name)
        return (
            "{" + ", ".join(f"{key}: {_short(value)}" for key, value in found.items()) + "}" if found else ""
        )

    def _property(self, name: str) -> Mapping[str, Any]:
        parameters = self.schema.get("function", {}).get("parameters", {})
        found: Mapping[str, Any] = parameters.get("properties", {}).get(name, {})
        return found


def schema_change(file: ToolsFile, tool: Tool, release: str) -> SchemaChange:
    schema = tool.value.get("tool_schema")
    new = surviving(schema, release) if isinstance(schema, Mapping) else None
    if new is None or file.tree is None:
        return SchemaChange((), {})
    return SchemaChange((Lay(file.tree.file, ("tools", tool.number, "tool_schema"), new),), new)


def one_line(value: Any) -> str:
    """A property, or a text, as YAML has it on one line; long texts are cut."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_short(item)}" for key, item in value.items()) + "}"
    return _short(value)


def _short(value: Any) -> str:
    text = value if value in ("string", "integer", "number", "boolean", "object", "array") else None
    text = text or json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
