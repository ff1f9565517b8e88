"""A run's tools as a spec says them: classes of a tool config, functions of a file with `@function_tool`."""

from __future__ import annotations

import ast
from typing import Any

from toolspec.backends.verl.importing.own_bundle import own_tool
from toolspec.backends.verl.importing.references import class_reference, reference
from toolspec.backends.verl.importing.wanted import Wanted
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.written.omegaconf_scalars import OMEGACONF
from toolspec.specs.yaml_tree import parse

DECORATOR = "function_tool"


def class_tools(wanted: Wanted, path: str) -> dict[str, dict[str, Any]]:
    """The tools of a tool config by name, in its order. Raises NotKnownError, and what a wrong form raises."""
    return dict(_tool(wanted, entry) for entry in _entries(wanted, path))


def _entries(wanted: Wanted, path: str) -> list[Any]:
    real = wanted.places.real(path)
    data = wanted.view.files.read(real)
    if "$" in path or data is None:
        raise NotKnownError(f"the file {path}")
    entries = parse(data, str(real), OMEGACONF).value["tools"]
    if not isinstance(entries, list) or not entries:
        raise NotKnownError(f"tools in {path}")
    return entries


def _tool(wanted: Wanted, entry: Any) -> tuple[str, dict[str, Any]]:
    config = dict(entry.get("config") or {})
    if config.pop("type", "native") != "native":
        raise NotKnownError("a tool that is no native one")
    own = str(entry["class_name"])
    if own.startswith("ts_tools."):
        return own_tool(wanted, own, config)
    schema = entry.get("tool_schema")
    if not schema:
        raise NotKnownError("a tool's schema, which its class makes,")
    tool: dict[str, Any] = {"class": class_reference(wanted, own), "schema": schema}
    return str(schema["function"]["name"]), tool | ({"config": config} if config else {})


def function_tools(wanted: Wanted, path: str) -> dict[str, dict[str, Any]]:
    """The functions that verl's decorator registers, by name as verl sorts them.

    Raises NotKnownError where they cannot be read.
    Source: tools/function_tool.py of 0.8.0 and 0.9.1; 0.7.1 has none.
    """
    data = wanted.view.files.read(wanted.places.real(path))
    if data is None or "$" in path:
        raise NotKnownError(f"the file {path}")
    try:
        module = ast.parse(data)
    except (SyntaxError, ValueError):
        raise NotKnownError(f"Python in {path}") from None
    found: dict[str, dict[str, Any]] = {}
    for node in module.body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for decorator in node.decorator_list:
            name = _registered(decorator, node.name)
            if name:
                found[name] = {"python": reference(wanted, path, node.name)}
    if not found:
        raise NotKnownError(f"a function with @{DECORATOR} in {path}")
    return dict(sorted(found.items()))


def _registered(decorator: ast.expr, own: str) -> str:
    """The name under which a decorator registers the function `own`, "" for another decorator."""
    call = decorator if isinstance(decorator, ast.Call) else None
    target = call.func if call is not None else decorator
    if (target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")) != DECORATOR:
        return ""
    if call is None:
        return own
    said = {word.arg: word.value for word in call.keywords}
    if "schema" in said or None in said:
        raise NotKnownError("a schema that the decorator is given")
    given = call.args[0] if call.args else said.get("name")
    if given is None:
        return own
    if not isinstance(given, ast.Constant) or not isinstance(given.value, str):
        raise NotKnownError("a tool's name")
    return given.value
