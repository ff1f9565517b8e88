"""A tools file whose schemas are rewritten so that a release keeps all of them; everything else in it stays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.verl.chat.schema_change import schema_change
from toolspec.backends.verl.chat.seen_schema import Seen, as_seen
from toolspec.backends.verl.chat.subject import is_tools_file, read_run, tools_file_of
from toolspec.backends.verl.lint.beside_edits import laid
from toolspec.backends.verl.lint.facts.tools import Tool, ToolsFile, entries
from toolspec.backends.verl.lint.lint import choose_release
from toolspec.backends.verl.lint.rule import Lay
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.omegaconf_scalars import OMEGACONF
from toolspec.specs.yaml_tree import parse

_YAML = (".yaml", ".yml", ".json")


class ToolsRead(NamedTuple):
    """The tools file that is meant, None where there is none. data: its bytes. spec: a spec brings the tools."""

    release: str
    file: ToolsFile | None
    data: bytes = b""
    spec: bool = False


def read_tools(path: Path, target: str | None) -> ToolsRead:
    """The tools file itself, or that of a config or script. Raises ProblemError where it cannot be read."""
    files = Files()
    data = files.read(path)
    if data is not None and path.suffix.lower() in _YAML and is_tools_file(data):
        version, _ = choose_release(target, path.parent, files)
        tree = parse(data, str(path), OMEGACONF)
        return ToolsRead(version, ToolsFile(str(path), tree, tuple(entries(tree.value["tools"]))), data)
    view, _, compiled = read_run(path, target)
    if compiled is not None:
        return ToolsRead(view.version, None, spec=True)
    file = tools_file_of(view)
    if file is None or file.tree is None:
        return ToolsRead(view.version, None)
    read = files.read(Path(file.tree.file))
    assert read is not None, "it was read for its tree"
    return ToolsRead(view.version, file, read)


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
