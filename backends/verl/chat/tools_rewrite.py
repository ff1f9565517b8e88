"""A tools file whose schemas are rewritten so that a release keeps all of them; everything else in it stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from toolspec.backends.verl.chat.schema_change import schema_change
from toolspec.backends.verl.chat.seen_schema import Seen, as_seen
from toolspec.backends.verl.lint.beside_edits import laid
from toolspec.backends.verl.lint.facts.tools import Tool, ToolsFile
from toolspec.backends.verl.lint.rule import Lay


class Rewriting(NamedTuple):
    """Of one tool: what the release makes of its schema as it is, the schema that it keeps, and the change to it."""

    tool: Tool
    seen: Seen
    schema: Mapping[str, Any]
    change: Lay


def rewritings(file: ToolsFile, release: str) -> tuple[Rewriting, ...]:
    """The tools whose schema loses something on the release, or is refused by it, and can be rewritten."""
    found = []
    for tool in file.tools:
        schema = tool.value.get("tool_schema")
        if not isinstance(schema, Mapping) or tool.value.get("mcp"):
            continue
        seen = as_seen(schema, release)
        if not (seen.lost or seen.refused):
            continue
        made = schema_change(file, tool, release)
        if made.changes:
            found.append(Rewriting(tool, seen, made.schema, made.changes[0]))
    return tuple(found)


def rewritten(data: bytes, file: str, listed: tuple[Rewriting, ...]) -> bytes:
    """The file's text with the schemas rewritten. Raises ProblemError (TS804) where it cannot be edited so."""
    text, expected = laid(data, file, [one.change for one in listed])
    return text.edited(expected)
