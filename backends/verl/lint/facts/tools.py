"""The tools of a run: the entries of its tools file, and the functions of `function_tool_path`.

Sources: tools/tool_registry.py and tools/function_tool.py of 0.8.0 and 0.9.1, tools/utils/tool_registry.py of 0.7.1.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.verl.lint.derived import MULTI_TURN
from toolspec.backends.verl.lint.facts.code import python_file
from toolspec.backends.verl.lint.facts.places import is_missing
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.omegaconf_scalars import OMEGACONF
from toolspec.compiler.facts.module_names import ModuleNames
from toolspec.compiler.facts.python_source import PythonSource
from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.yaml_tree import Tree, parse

TOOLS_FILE, FUNCTIONS_FILE = f"{MULTI_TURN}.tool_config_path", f"{MULTI_TURN}.function_tool_path"


class Tool(NamedTuple):
    """An entry of the tools file. function: what `tool_schema.function` holds, {} without one."""

    number: int
    name: str
    value: Mapping[str, Any]
    function: Mapping[str, Any]

    @property
    def key(self) -> str:
        return f"tool:{self.name or self.number}"


class ToolsFile(NamedTuple):
    """tools: its entries that are mappings. problem: why it is no YAML. missing: that it is not there."""

    path: str
    tree: Tree | None
    tools: tuple[Tool, ...]
    problem: Problem | None = None
    missing: bool = False

    def span(self, tool: Tool, *path: str | int) -> Span | None:
        """The place of a part of an entry, or of what is around it."""
        return self.tree.nearest_span(("tools", tool.number, *path)) if self.tree else None

    def schema_span(self, tool: Tool, *path: str | int) -> Span | None:
        return self.span(tool, "tool_schema", "function", *path)


def read_tools_file(view: View) -> ToolsFile | None:
    """None where no file is named, or a spec's own bundle brings it. Raises NotKnownError where it is not at hand."""
    said = view.said(TOOLS_FILE)
    if said is None or not view.has(TOOLS_FILE) or (view.run.spec is not None and not said.overridden):
        return None
    text = view.text(TOOLS_FILE)
    if not text:
        return None
    path = view.path(text)
    if path is None or not path.is_file():
        if is_missing(view, TOOLS_FILE, text):
            return ToolsFile(text, None, (), missing=True)
        raise NotKnownError(f"the file of {TOOLS_FILE} ({text})")
    data = view.files.read(path)
    if data is None:
        raise NotKnownError(f"a readable {text}")
    try:
        tree = parse(data, str(path), OMEGACONF)
    except ProblemError as error:
        return ToolsFile(text, None, (), problem=error.problems[0])
    return ToolsFile(text, tree, tuple(entries(tree.value.get("tools"))))


def entries(listed: Any) -> Iterator[Tool]:
    for number, value in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(value, dict):
            schema = value.get("tool_schema")
            function = schema.get("function") if isinstance(schema, dict) else None
            function = function if isinstance(function, dict) else {}
            yield Tool(number, str(function.get("name") or ""), value, function)


def names(view: View) -> tuple[str, ...] | None:
    """The names that the model is shown; None where some are made by code. Raises NotKnownError."""
    file, functions = view.facts.tools_file(), view.facts.function_tools()
    found: list[str] = []
    for tool in file.tools if file else ():
        if not tool.name or tool.value.get("mcp"):
            return None
        found.append(tool.name)
    found += [tool.name for tool in functions or ()]
    if view.run.spec is not None and not found:
        return tuple(view.run.spec.facts.tools)
    return tuple(found)


def module_file(view: View, module: str) -> Path | None:
    """The file of a module beside the run, which `python -m` finds before any installed one."""
    stem = module.replace(".", "/")
    for name in (f"{stem}.py", f"{stem}/__init__.py"):
        path = view.path(name)
        if path is not None and path.is_file():
            return path
    return None


def class_of(view: View, tool: Tool) -> tuple[PythonSource, ModuleNames, ast.ClassDef] | None:
    """The class of an entry that is written beside the run; others are the business of whoever installed them."""
    module, _, name = str(tool.value.get("class_name") or "").rpartition(".")
    path = module_file(view, module) if module else None
    if path is None:
        return None
    try:
        source, names = python_file(view, path)
    except ProblemError:
        return None
    node = names.classes.get(name)
    return (source, names, node) if node is not None else None
