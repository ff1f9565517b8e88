"""Two tools of one name.

Within the tools file the later one runs and the model sees both; between that file and `function_tool_path` verl
refuses to load them.

Why: calls reach another tool than the one that was described, or the workers stop.
Source: experimental/agent_loop/tool_agent_loop.py (0.9.1: :118-119), tools/tool_registry.py load_all_tools
Bad:
    --- tools.yaml
    tools:
      - class_name: tools.Calculator
        config: {type: native}
        tool_schema: {type: function, function: {name: calculator, description: Evaluate.}}
      - class_name: tools.Calculator
        config: {type: native}
        tool_schema: {type: function, function: {name: calculator, description: Round.}}
Good:
    --- tools.yaml
    tools:
      - class_name: tools.Calculator
        config: {type: native}
        tool_schema: {type: function, function: {name: calculator, description: Evaluate.}}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.tools import FUNCTIONS_FILE, TOOLS_FILE, Tool
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS085", "duplicate-tool", "error")


def check(view: View) -> Iterator[Found]:
    file = view.facts.tools_file()
    seen: dict[str, Tool] = {}
    for tool in file.tools if file else ():
        if tool.name and tool.name in seen:
            assert file is not None
            yield Found(
                f"entries {seen[tool.name].number + 1} and {tool.number + 1} are both named `{tool.name}`",
                (f"{tool.key}.name", TOOLS_FILE),
                fix="rename one of them",
                why="the model is shown both, and every call reaches the later one",
                span=file.schema_span(tool, "name"),
            )
        seen.setdefault(tool.name, tool)
    functions: dict[str, str] = {}
    for function in view.facts.function_tools() or ():
        other = "the tools file" if function.name in seen else functions.get(function.name, "")
        functions[function.name] = f"`{function.signature.name}`"
        if other:
            yield Found(
                f"the function tool `{function.name}` has the name of a tool of {other}",
                (FUNCTIONS_FILE, TOOLS_FILE, function.key),
                fix=f'@function_tool("{function.name}_2"), or another name',
                why="verl refuses to load them, after the models have loaded",
                span=function.signature.span,
            )
