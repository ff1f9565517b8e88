"""A tool class whose methods return something that verl cannot take apart.

verl unpacks `create` into an id and a response, `execute` into a ToolResponse, a reward and a mapping, and reads
`.text` of the first. A class that leaves `execute` out has that of BaseTool, which answers "Updated the tool state.".

Why: the model reads an error, or nothing, in place of every answer of the tool. A text in place of a ToolResponse is
not even caught: it ends the trajectory, and the run under the V0 trainer.
Source: experimental/agent_loop/tool_agent_loop.py _call_tool (0.7.1: :421-449; 0.8.0: :406-461; 0.9.1: :443-498);
tools/schemas.py ToolResponse and tools/base_tool.py of each release
Bad:
    --- tools.py
    from uuid import uuid4

    from verl.tools.base_tool import BaseTool
    from verl.tools.schemas import ToolResponse


    class Calculator(BaseTool):
        async def create(self, instance_id=None, **kwargs):
            if instance_id is None:
                instance_id = str(uuid4())
            return instance_id

        async def execute(self, instance_id, parameters, **kwargs):
            return ToolResponse(text="4"), 0.0, {}
Bad:
    --- tools.py
    from verl.tools.base_tool import BaseTool


    class Calculator(BaseTool):
        async def execute(self, instance_id, parameters, **kwargs):
            return str(parameters), 0.0, {}
Bad:
    --- tools.py
    from verl.tools.base_tool import BaseTool
    from verl.tools.schemas import ToolResponse


    class Calculator(BaseTool):
        async def execute(self, instance_id, parameters, **kwargs):
            return ToolResponse(text="4"), 0.0
Bad:
    --- tools.py
    from verl.tools.base_tool import BaseTool
    from verl.tools.schemas import ToolResponse


    class Calculator(BaseTool):
        async def call(self, instance_id, parameters, **kwargs):
            return ToolResponse(text="4"), 0.0, {}
Good:
    --- tools.py
    from uuid import uuid4

    from verl.tools.base_tool import BaseTool
    from verl.tools.schemas import ToolResponse


    class Calculator(BaseTool):
        async def create(self, instance_id=None, **kwargs):
            return instance_id or str(uuid4()), ToolResponse()

        async def execute(self, instance_id, parameters, **kwargs):
            return ToolResponse(text="4"), 0.0, {}
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.facts.outcomes import ends, own_nodes
from toolspec.backends.verl.lint.facts.tools import Tool, class_of
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.module_names import ModuleNames
from toolspec.compiler.facts.python_source import PythonSource

RULE = Rule("TS323", "tool-method-return", "error")

BASE = "verl.tools.base_tool.BaseTool"
RESPONSES = ("verl.tools.schemas.ToolResponse", "verl.tools.base_tool.ToolResponse")
PARTS = {"create": "an id and a ToolResponse", "execute": "a ToolResponse, a reward and a mapping"}
WANTED = {"create": "return instance_id, ToolResponse()", "execute": "return ToolResponse(text=…), 0.0, {}"}
COUNT = {"create": 2, "execute": 3}
FIELDS = ("text", "image", "video")
ANSWERED = "verl answers every such call of the tool with the error"
UNCAUGHT = "verl reads its `.text` outside of any `try`: the trajectory ends, and under V0 the run"
TEXT_CALLS = ("str", "repr", "json.dumps", "format")


class _Class(NamedTuple):
    """The class of a tool, in its file."""

    tool: Tool
    source: PythonSource
    names: ModuleNames
    node: ast.ClassDef


def check(view: View) -> Iterator[Found]:
    file = view.facts.tools_file()
    if not file or view.value(f"{ROLLOUT}.agent.agent_loop_config_path"):
        return  # an agent loop of one's own calls tools as it likes
    for tool in file.tools:
        found = None if tool.value.get("mcp") else class_of(view, tool)
        if found is None:
            continue
        owner = _Class(tool, *found)
        methods = {
            n.name: n for n in owner.node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        yield from _left_out(owner, methods)
        for name in PARTS:
            method = methods.get(name)
            if isinstance(method, ast.AsyncFunctionDef) and not method.decorator_list:
                yield from _method(owner, method)


def _left_out(owner: _Class, methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[Found]:
    """No `execute`, where the class has nothing but verl's own base."""
    node = owner.node
    if "execute" in methods or node.decorator_list or len(node.bases) != 1 or node.keywords:
        return
    if owner.names.origin(node.bases[0]) != BASE or any(_assigns(part, "execute") for part in node.body):
        return
    others = [name for name in methods if not name.startswith("_") and name not in ("create", "release")]
    yield Found(
        f"`{node.name}` of `{owner.tool.name}` has no `execute`"
        + (f", but {', '.join(others)}" if others else ""),
        (f"{owner.tool.key}.execute",),
        fix="async def execute(self, instance_id, parameters, **kwargs)",
        why='BaseTool\'s own answers every call "Updated the tool state."',
        span=owner.source.span(node),
    )


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and any(
        isinstance(t, ast.Name) and t.id == name for t in node.targets
    )


def _method(owner: _Class, method: ast.AsyncFunctionDef) -> Iterator[Found]:
    nodes = own_nodes(method)
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in nodes):
        return
    returns = [node for node in nodes if isinstance(node, ast.Return)]
    for node in returns:
        value = node.value
        if method.name == "create" and _is_id(value, nodes):
            value = ast.Constant("id")
        told = _wrong(owner, method.name, value)
        if told:
            yield _found(owner, method.name, *told, node)
            return
    stub = not returns and any(isinstance(node, ast.Raise) or _is_ellipsis(node) for node in nodes)
    if not ends(method.body) and not stub:
        yield _found(owner, method.name, "can end without a `return`", ANSWERED, method)


def _is_ellipsis(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _found(owner: _Class, name: str, told: str, why: str, node: ast.AST) -> Found:
    return Found(
        f"`{name}` of `{owner.tool.name}` {told}; verl takes {PARTS[name]}",
        (f"{owner.tool.key}.{name}",),
        fix=WANTED[name],
        why=why,
        span=owner.source.span(node),
    )


def _wrong(owner: _Class, name: str, value: ast.expr | None) -> tuple[str, str] | None:
    """What is returned that cannot be taken, and what becomes of it. None for what is fine or not known."""
    if value is None or (isinstance(value, ast.Constant) and value.value is None):
        return "returns nothing", ANSWERED
    if _is_text(owner, value):
        return "returns one text", ANSWERED
    if isinstance(value, ast.Constant):
        return f"returns {value.value!r}", ANSWERED
    if _is_response(owner, value):
        return "returns a ToolResponse alone", ANSWERED
    if not isinstance(value, ast.Tuple) or any(isinstance(part, ast.Starred) for part in value.elts):
        return None
    if len(value.elts) != COUNT[name]:
        return f"returns {len(value.elts)} values", ANSWERED
    return _first(owner, value.elts[0]) if name == "execute" else None


def _first(owner: _Class, value: ast.expr) -> tuple[str, str] | None:
    """The response of `execute`."""
    if _is_text(owner, value):
        return "returns a text in place of a ToolResponse", UNCAUGHT
    if isinstance(value, ast.Dict):
        return "returns a dict in place of a ToolResponse", UNCAUGHT
    if isinstance(value, ast.Constant):
        return f"returns {value.value!r} in place of a ToolResponse", UNCAUGHT
    if not isinstance(value, ast.Call) or not _is_response(owner, value):
        return None
    if value.args:
        return "gives ToolResponse a value by position", ANSWERED
    given = {keyword.arg: keyword.value for keyword in value.keywords}
    if None in given:
        return None
    if given and not set(given) & set(FIELDS):
        lost = ", ".join(str(name) for name in given)
        return f"gives ToolResponse `{lost}` and no `text`", "it is dropped, and the model reads nothing"
    text = given.get("text")
    no_text = isinstance(text, ast.Constant) and text.value is not None and not isinstance(text.value, str)
    if no_text or isinstance(text, ast.Dict | ast.List | ast.Tuple | ast.Set):
        return "gives ToolResponse a `text` that is none", ANSWERED
    return None


def _is_id(value: ast.expr | None, nodes: list[ast.AST]) -> bool:
    """The parameter `instance_id`, which verl leaves at its default and which a class of before fills itself."""
    if not isinstance(value, ast.Name) or value.id != "instance_id":
        return False
    made = [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == value.id for t in node.targets)
    ]
    return not any(isinstance(one, ast.Tuple | ast.List | ast.Await) for one in made)


def _is_response(owner: _Class, value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and owner.names.origin(value.func) in RESPONSES


def _is_text(owner: _Class, value: ast.expr) -> bool:
    if isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str)):
        return True
    return isinstance(value, ast.Call) and owner.names.origin(value.func) in TEXT_CALLS
