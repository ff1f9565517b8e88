"""A function tool whose schema cannot be made.

Without `schema=` transformers makes it from the signature: it wants a type hint for each parameter, a docstring, and a
line `name: …` for each parameter under `Args:` (not `name (str): …`). verl refuses `*args` and `**kwargs`.

Why: the agent loop workers stop when they load the tools, after the models.
Source: tools/function_tool.py (0.9.1: _build_schema_from_fn); transformers utils/chat_template_utils.py get_json_schema
Bad:
    actor_rollout_ref.rollout.multi_turn.tool_config_path=null
    actor_rollout_ref.rollout.multi_turn.function_tool_path=functions.py
    --- functions.py
    from verl.tools.function_tool import function_tool


    @function_tool
    def calculator(expression: str) -> str:
        '''Evaluate an arithmetic expression.

        Args:
            expression (str): The expression.
        '''
        return "4"
Good:
    actor_rollout_ref.rollout.multi_turn.tool_config_path=null
    actor_rollout_ref.rollout.multi_turn.function_tool_path=functions.py
    --- functions.py
    from verl.tools.function_tool import function_tool


    @function_tool
    def calculator(expression: str) -> str:
        '''Evaluate an arithmetic expression.

        Args:
            expression: The expression.
        '''
        return "4"
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.function_tools import FunctionTool
from toolspec.backends.verl.lint.facts.tools import FUNCTIONS_FILE
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS305", "function-tool-schema", "error")

WHY = "no schema can be made, and the agent loop workers stop when they load the tools, after the models"
ENDS = ("Returns:", "Raises:")


def check(view: View) -> Iterator[Found]:
    if not view.at_least("0.8.0"):
        return  # unknown-verl-key says that there are none
    tools = view.facts.function_tools()
    if tools is None:
        return
    if not tools:
        yield Found(
            f"{view.text(FUNCTIONS_FILE)} has no function with the decorator of verl.tools.function_tool",
            (FUNCTIONS_FILE,),
            fix="@function_tool",
            why="verl warns, and the model has no tool",
            severity="warning",
        )
    for tool in tools:
        if not tool.own_schema:
            yield from _schema(tool)


def _schema(tool: FunctionTool) -> Iterator[Found]:
    described = _described(tool.docstring)
    if not tool.docstring:
        keys = (FUNCTIONS_FILE, tool.key)
        yield Found(f"`{tool.name}` has no docstring", keys, "describe it", WHY, tool.signature.span)
        return
    for parameter in tool.signature.parameters:
        keys = (FUNCTIONS_FILE, f"{tool.key}.{parameter.name}")
        if parameter.kind.startswith("var-"):
            message = f"`{tool.name}` takes `{parameter.name}`, which no schema can tell"
            yield Found(message, keys, "name each parameter", WHY, parameter.span)
        elif not parameter.annotation:
            message = f"parameter `{parameter.name}` of `{tool.name}` has no type hint"
            yield Found(message, keys, f"{parameter.name}: str", WHY, parameter.span)
        elif parameter.name not in described:
            message = f"the docstring of `{tool.name}` has no line `{parameter.name}: …` under `Args:`"
            yield Found(message, keys, f"{parameter.name}: what it is", WHY, parameter.span)


def _described(docstring: str) -> set[str]:
    """Parameters with a line of their own below `Args:`, as transformers splits the block."""
    lines = iter(docstring.splitlines())
    for line in lines:
        if line.strip() == "Args:":
            break
    found = set()
    for line in lines:
        text = line.strip()
        if text.startswith(ENDS):
            break
        name, colon, _ = text.partition(":")
        if colon and name.isidentifier():
            found.add(name)
    return found
