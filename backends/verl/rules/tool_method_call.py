"""A tool class whose methods do not take what verl calls them with.

verl awaits `create(create_kwargs={…})` and `execute(instance_id, arguments, agent_data=…)`. What rows hold for a tool
arrives as the one mapping `create_kwargs`: a parameter of another name keeps its default. The class itself is called
with `config` and `tool_schema`, and its `name` is read afterwards.

Why: a call that raises is answered to the model as "Error executing tool"; a tool that never learns the truth of its
row says "wrong" to every answer.
Source: experimental/agent_loop/tool_agent_loop.py _call_tool (0.7.1: :432; 0.8.0: :449; 0.9.1: :486) and __init__
(0.9.1: :118); tools/tool_registry.py:72 (0.8.0, 0.9.1), tools/utils/tool_registry.py:123 (0.7.1)
Bad:
    --- tools.py
    from verl.tools.base_tool import BaseTool


    class Calculator(BaseTool):
        async def create(self, instance_id=None, ground_truth=None, **kwargs):
            self.truth = ground_truth
            return instance_id, None
Bad:
    --- tools.py
    from verl.tools.base_tool import BaseTool


    class Calculator(BaseTool):
        async def execute(self, instance_id, parameters):
            return None, 0.0, {}
Bad:
    --- tools.py
    from verl.tools.base_tool import BaseTool


    class Calculator(BaseTool):
        def __init__(self):
            super().__init__(None, None)
Bad:
    --- tools.py
    from verl.tools.base_tool import BaseTool


    class Calculator(BaseTool):
        def __init__(self, config, tool_schema):
            self.precision = config.get("precision", 4)
Good:
    --- tools.py
    from verl.tools.base_tool import BaseTool
    from verl.tools.schemas import ToolResponse


    class Calculator(BaseTool):
        def __init__(self, config, tool_schema):
            super().__init__(config, tool_schema)
            self.precision = config.get("precision", 4)

        async def create(self, instance_id=None, create_kwargs=None, **kwargs):
            self.truth = (create_kwargs or {}).get("ground_truth")
            return instance_id, None

        async def execute(self, instance_id, parameters, **kwargs):
            return ToolResponse(text="4"), 0.0, {}
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.tools import Tool, class_of
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.module_names import ModuleNames
from toolspec.compiler.facts.python_source import PythonSource
from toolspec.compiler.facts.signature import FunctionSignature, read_signature

RULE = Rule("TS307", "tool-method-call", "error")

# method → (arguments given by position, by keyword)
CALLS = {"create": (0, ("create_kwargs",)), "execute": (2, ("agent_data",))}
OWN = frozenset({"self", "instance_id", "create_kwargs"})
ANSWERED = "verl answers every call of the tool with the TypeError"


def check(view: View) -> Iterator[Found]:
    file = view.facts.tools_file()
    for tool in file.tools if file else ():
        found = class_of(view, tool)
        if found is None or tool.value.get("mcp"):
            continue
        source, names, node = found
        yield from _constructor(source, names, node, tool)
        for method in node.body:
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.name in CALLS:
                yield from _method(source, method, tool)


def _constructor(source: PythonSource, names: ModuleNames, node: ast.ClassDef, tool: Tool) -> Iterator[Found]:
    """`cls(config=…, tool_schema=…)`, then `tool.name` and `tool.tool_schema`."""
    made = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
    if len(made) != 1 or made[0].decorator_list or node.decorator_list or node.keywords:
        return
    signature = read_signature(source, made[0])
    refused = _refused(signature, 0, ("config", "tool_schema"))
    told, fix = (
        f"{refused}; verl calls {node.name}(config=…, tool_schema=…)",
        "def __init__(self, config, tool_schema)",
    )
    if not refused:
        own_base = [names.origin(base) for base in node.bases] == ["verl.tools.base_tool.BaseTool"]
        if not own_base or _sets_up(node, made[0]):
            return
        told, fix = (
            "does not call super().__init__, which sets `name`",
            "super().__init__(config, tool_schema)",
        )
    yield Found(
        f"`__init__` of `{tool.name}` {told}",
        (f"{tool.key}.__init__",),
        fix=fix,
        why="the agent loop stops when it makes its tools, after the models have loaded",
        span=signature.span,
    )


def _sets_up(node: ast.ClassDef, method: ast.FunctionDef) -> bool:
    """Whether the class may have a `name`: it calls another `__init__` or a function with itself, or names it."""
    if any(
        isinstance(part, ast.Attribute) and part.attr in ("__init__", "name", "__dict__")
        for part in ast.walk(method)
    ):
        return True
    if any(isinstance(part, ast.Name) and part.id in ("super", "setattr") for part in ast.walk(method)):
        return True
    if any(
        isinstance(part, ast.Call)
        and isinstance(part.func, ast.Attribute)
        and ast.unparse(part.func.value) == "self"
        for part in ast.walk(method)
    ):
        return True
    return any("name" in ast.unparse(part) for part in node.body if part is not method)


def _method(
    source: PythonSource, method: ast.FunctionDef | ast.AsyncFunctionDef, tool: Tool
) -> Iterator[Found]:
    signature, name = read_signature(source, method), method.name
    key = f"{tool.key}.{name}"
    known = not method.decorator_list  # a decorator may call it otherwise
    if known and isinstance(method, ast.FunctionDef):
        yield Found(
            f"`{name}` of `{tool.name}` is not async; verl awaits it",
            (key,),
            fix=f"async def {name}",
            why=ANSWERED,
            span=signature.span,
        )
        return
    refused = _refused(signature, *CALLS[name])
    if known and refused:
        shown = (
            "create(create_kwargs=…)" if name == "create" else "execute(instance_id, arguments, agent_data=…)"
        )
        yield Found(
            f"`{name}` of `{tool.name}` {refused}; verl calls {shown}",
            (key,),
            fix="add **kwargs" if "does not take" in refused else "give it a default",
            why=ANSWERED,
            span=signature.span,
        )
        return
    if name == "create":
        for parameter in signature.parameters:
            if parameter.name not in OWN and not parameter.kind.startswith("var-"):
                yield Found(
                    f"`create` of `{tool.name}` takes `{parameter.name}`, which verl never gives by that name",
                    (key, "dataset:extra_info"),
                    fix=f'create_kwargs.get("{parameter.name}")',
                    why="what a row holds for the tool arrives as one mapping, create_kwargs",
                    span=parameter.span,
                )


def _refused(signature: FunctionSignature, positional: int, keywords: tuple[str, ...]) -> str:
    """Why Python refuses the call, "" where it takes it."""
    parameters = list(signature.parameters)[1:]  # self
    places = [p for p in parameters if p.kind in ("positional-only", "positional-or-keyword")]
    if len(places) < positional and not any(p.kind == "var-positional" for p in parameters):
        return f"does not take {positional} arguments by position"
    given = {p.name for p in places[:positional]}
    takes_any = any(p.kind == "var-keyword" for p in parameters)
    by_name = {p.name for p in parameters if p.kind in ("positional-or-keyword", "keyword-only")} - given
    for keyword in keywords:
        if keyword not in by_name and not takes_any:
            return f"does not take `{keyword}`"
    for parameter in parameters:
        needs = not parameter.has_default and not parameter.kind.startswith("var-")
        if needs and parameter.name not in given and parameter.name not in keywords:
            return f"wants `{parameter.name}`"
    return ""
