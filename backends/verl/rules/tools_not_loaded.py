"""The tools file cannot be loaded: it is not there, has another shape, or names a class that does not exist.

verl imports `class_name` of every entry and reads `config.type`. The sample tools (`verl.tools.gsm8k_tool`, …) and MCP
tools left the package in 0.8.0.

Why: the agent loop workers stop when they start, after the models have loaded.
Source: tools/tool_registry.py (0.9.1: :41-81), tools/utils/tool_registry.py of 0.7.1; tools/function_tool.py:151
(0.8.0, 0.9.1); the modules of each wheel
Bad:
    --- tools.yaml
    (missing)
Bad:
    --- tools.yaml
    tools:
      - class_name: tools.Calc
        config: {type: native}
        tool_schema:
          type: function
          function:
            name: calculator
            description: Evaluate an arithmetic expression.
            parameters: {type: object, properties: {}, required: []}
Bad:
    --- tools.yaml
    tools:
      - class_name: verl.tools.gsm8k_tool.Gsm8kTool
        config: {type: native}
Bad:
    actor_rollout_ref.rollout.multi_turn.function_tool_path=functions.py
Good:
    actor_rollout_ref.rollout.multi_turn.tool_config_path=tools.yaml
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.code import python_file
from toolspec.backends.verl.lint.facts.places import is_missing
from toolspec.backends.verl.lint.facts.tools import (
    FUNCTIONS_FILE,
    TOOLS_FILE,
    Tool,
    ToolsFile,
    module_file,
)
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import ProblemError

RULE = Rule("TS302", "tools-not-loaded", "error")

# Modules of the package verl.tools, by whether the sample tools are still there.
KEPT = frozenset({"base_tool", "function_tool", "schemas", "tool_registry"})
SAMPLES = frozenset(
    {
        "base_tool",
        "geo3k_tool",
        "gsm8k_tool",
        "image_zoom_in_tool",
        "mcp_base_tool",
        "mcp_search_tool",
        "sandbox_fusion_tools",
        "schemas",
        "search_tool",
        "utils",
    }
)
LATE = "the agent loop workers stop when they load it, after the models"


def check(view: View) -> Iterator[Found]:
    unknown: NotKnownError | None = None
    for part in (_tools, _functions):
        try:
            yield from part(view)
        except NotKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def _tools(view: View) -> Iterator[Found]:
    file = view.facts.tools_file()
    if file is None:
        return
    if file.missing:
        yield Found(f"there is no file {file.path}", (TOOLS_FILE,), fix="name the tools file", why=LATE)
        return
    if file.problem is not None:
        yield Found(f"{file.path}: {file.problem.message}", (TOOLS_FILE,), why=LATE, span=file.problem.span)
        return
    listed = file.tree.value.get("tools") if file.tree else None
    if not isinstance(listed, list) or len(file.tools) < len(listed):
        found = "holds no list `tools`" if not isinstance(listed, list) else "has an entry that is no mapping"
        span = file.tree.nearest_span(("tools",)) if file.tree else None
        fix = "tools: [{class_name, config: {type: native}, tool_schema}]"
        yield Found(f"{file.path} {found}", (TOOLS_FILE,), fix=fix, why=LATE, span=span)
        return
    unknown: NotKnownError | None = None
    for tool in file.tools:
        yield from _type(view, file, tool)
        try:
            yield from _class(view, file, tool)
        except NotKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def _functions(view: View) -> Iterator[Found]:
    """The file of function tools: load_function_tools_from_path asks whether it is a file."""
    said = view.said(FUNCTIONS_FILE)
    if said is None or not view.keys.listed(view.name(FUNCTIONS_FILE)) or view.run.spec is not None:
        return
    text = view.text(FUNCTIONS_FILE)
    path = view.path(text) if text else None
    if (
        text
        and (path is None or not path.is_file())
        and (path is not None or is_missing(view, FUNCTIONS_FILE, text))
    ):
        yield Found(
            f"there is no file {text}",
            (FUNCTIONS_FILE,),
            fix="name the Python file of the functions",
            why=LATE,
        )


def _type(view: View, file: ToolsFile, tool: Tool) -> Iterator[Found]:
    config = tool.value.get("config")
    kind = config.get("type") if isinstance(config, dict) else None
    known = ("native",) if view.at_least("0.8.0") else ("native", "mcp")
    if kind in known or (isinstance(kind, str) and "$" in kind):
        return
    if kind == "mcp":
        message = f"{tool.key[5:]}: verl {view.version} has no MCP tools"
    elif kind is None:
        message = f"{tool.key[5:]}: an entry needs `config: {{type: native}}`"
    else:
        message = f"{tool.key[5:]}: config.type is {kind!r}"
    fix = f"type: {' or '.join(known)}"
    yield Found(
        message, (f"{tool.key}.config.type", TOOLS_FILE), fix, LATE, file.span(tool, "config", "type")
    )


def _class(view: View, file: ToolsFile, tool: Tool) -> Iterator[Found]:
    dotted = tool.value.get("class_name")
    keys, span = (f"{tool.key}.class_name", TOOLS_FILE), file.span(tool, "class_name")
    if not isinstance(dotted, str) or "." not in dotted:
        said = "an entry needs `class_name`" if dotted is None else f"class_name is {dotted!r}"
        yield Found(f"{tool.key[5:]}: {said}", keys, "class_name: MODULE.CLASS", LATE, span)
        return
    if "$" in dotted:
        raise NotKnownError(f"class_name of {tool.key[5:]} ({dotted})")
    module, _, name = dotted.rpartition(".")
    path = module_file(view, module)
    if path is not None:
        try:
            source, names = python_file(view, path)
        except ProblemError as error:
            problem = error.problems[0]
            yield Found(f"{path.name}: {problem.message}", keys, why=LATE, span=problem.span)
            return
        defined = {*names.classes, *names.imports, *names.aliases, *names.functions}
        if name in defined or _dynamic(source.tree):
            return
        close = nearest(name, names.classes) or list(names.classes)[:1]
        fix = f"class_name: {module}.{close[0]}" if close else f"class {name}(BaseTool): …"
        has = ", ".join(names.classes) or "no class"
        yield Found(f"{path.name} has no `{name}`; it defines {has}", keys, fix, LATE, span)
        return
    package, _, part = module.rpartition(".")
    if package == "verl.tools":
        there = KEPT if view.at_least("0.8.0") else SAMPLES
        if part not in there:
            gone = " since 0.8.0" if part in SAMPLES else ""
            message = f"verl {view.version} has no module {module}{gone}"
            fix = "copy the class into a file beside the run, and name that" if gone else ""
            yield Found(message, keys, fix, LATE, span)
        return
    raise NotKnownError(f"the module {module} of tool {tool.key[5:]}")


def _dynamic(tree: ast.Module) -> bool:
    """Whether the module may get a name in a way that is not read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return True
        if isinstance(node, ast.Name) and node.id in ("globals", "setattr", "exec"):
            return True
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
            return True
    return False
