"""Functions that `@function_tool` registers, as their file writes them.

Source: tools/function_tool.py of 0.8.0 and 0.9.1; 0.7.1 has no such tools.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from toolspec.backends.verl.lint.facts.code import python_file
from toolspec.backends.verl.lint.facts.places import is_missing
from toolspec.backends.verl.lint.facts.tools import FUNCTIONS_FILE
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.module_names import ModuleNames
from toolspec.compiler.facts.python_source import PythonSource
from toolspec.compiler.facts.signature import FunctionSignature, read_signature
from toolspec.specs.problem import ProblemError

DECORATOR = "verl.tools.function_tool.function_tool"


class FunctionTool(NamedTuple):
    """name: as the model sees it. own_schema: a schema is given, and the signature is not read."""

    name: str
    signature: FunctionSignature
    docstring: str
    own_schema: bool

    @property
    def key(self) -> str:
        return f"tool:{self.name}"


def read_function_tools(view: View) -> tuple[FunctionTool, ...] | None:
    """None where no file is named or the file is no Python. Raises NotKnownError where it is not at hand."""
    said = view.said(FUNCTIONS_FILE)
    if said is None or not view.has(FUNCTIONS_FILE) or (view.run.spec is not None and not said.overridden):
        return None
    text = view.text(FUNCTIONS_FILE)
    if not text:
        return None
    path = view.path(text)
    if path is None or not path.is_file():
        if is_missing(view, FUNCTIONS_FILE, text):
            return None
        raise NotKnownError(f"the file of {FUNCTIONS_FILE} ({text})")
    try:
        source, names = python_file(view, path)
    except ProblemError:
        return None
    return tuple(_registered(source, names))


def _registered(source: PythonSource, names: ModuleNames) -> Iterator[FunctionTool]:
    for definitions in names.functions.values():
        for node in definitions:
            for decorator in node.decorator_list:
                call = decorator if isinstance(decorator, ast.Call) else None
                if names.origin(call.func if call else decorator) != DECORATOR:
                    continue
                signature = read_signature(source, node)
                name, own = _arguments(call) if call else ("", False)
                yield FunctionTool(name or node.name, signature, ast.get_docstring(node) or "", own)


def _arguments(call: ast.Call) -> tuple[str, bool]:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    name = call.args[0] if call.args else given.get("name")
    text = name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""
    return text, "schema" in given
