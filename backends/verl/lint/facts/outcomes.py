"""What a function of the user's returns, `return` by `return`, as far as its text decides it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

from toolspec.compiler.facts.module_names import FunctionNode, ModuleNames

Kind = Literal["dict", "number", "text", "list", "none", "generator", "unknown"]

NUMBERS = frozenset({"float", "int", "bool", "len", "sum", "abs", "round", "min", "max"})
DEEPEST = 4


class Outcome(NamedTuple):
    """One `return`. node: it, or the function where its end is reached.

    keys: names that the dict surely has, with their values; maybe: those that it has on some paths.
    constant: the number, where it is written out.
    """

    kind: Kind
    node: ast.AST
    keys: Mapping[str, ast.expr] = MappingProxyType({})
    maybe: frozenset[str] = frozenset()
    constant: float | None = None


class Outcomes:
    """Reads functions of one module."""

    def __init__(self, names: ModuleNames) -> None:
        self._names = names

    def of(self, function: FunctionNode, depth: int = 0) -> tuple[Outcome, ...]:
        """Every outcome in the order of the text, the end of the function last."""
        own = list(own_nodes(function))
        if any(isinstance(part, ast.Yield | ast.YieldFrom) for part in own):
            return (Outcome("generator", function),)
        found: list[Outcome] = []
        for part in own:
            if isinstance(part, ast.Return):
                found += self._value(part.value, part, function, depth)
        if not ends(function.body):
            found.append(Outcome("none", function))
        return tuple(found)

    def _value(
        self, value: ast.expr | None, at: ast.AST, function: FunctionNode, depth: int
    ) -> tuple[Outcome, ...]:
        if isinstance(value, ast.IfExp):
            return self._value(value.body, at, function, depth) + self._value(
                value.orelse, at, function, depth
            )
        if isinstance(value, ast.Await):
            value = value.value
        if value is None:
            return (Outcome("none", at),)
        constant = number(value)
        if constant is not None:
            return (Outcome("number", at, constant=constant),)
        if isinstance(value, ast.Constant):
            kind: Kind = (
                "none" if value.value is None else "text" if isinstance(value.value, str) else "unknown"
            )
            return (Outcome(kind, at),)
        if isinstance(value, ast.JoinedStr):
            return (Outcome("text", at),)
        if isinstance(value, ast.List | ast.Tuple | ast.ListComp | ast.Set):
            return (Outcome("list", at),)
        if isinstance(value, ast.Compare | ast.UnaryOp):
            return (Outcome("number", at),)
        if isinstance(value, ast.Dict):
            return (_literal(value, at),)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            return self._call(value, at, depth)
        if isinstance(value, ast.Name):
            return (_variable(value.id, at, function),)
        return (Outcome("unknown", at),)

    def _call(self, call: ast.Call, at: ast.AST, depth: int) -> tuple[Outcome, ...]:
        assert isinstance(call.func, ast.Name)
        name = call.func.id
        local = self._names.functions.get(name)
        if local and name not in self._names.aliases:
            if depth >= DEEPEST or local[-1].decorator_list:
                return (Outcome("unknown", at),)
            inner = self.of(local[-1], depth + 1)
            return tuple(Outcome(o.kind, at, o.keys, o.maybe, o.constant) for o in inner)
        if name == "dict" and name not in self._names.imports:
            if call.args or any(word.arg is None for word in call.keywords):
                return (Outcome("unknown", at),)
            return (Outcome("dict", at, {word.arg: word.value for word in call.keywords if word.arg}),)
        if name in NUMBERS and name not in self._names.imports and name not in self._names.classes:
            return (Outcome("number", at),)
        return (Outcome("unknown", at),)


def number(node: ast.expr | None) -> float | None:
    """The value of a written number, `True` for 1."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
        return number(node.args[0]) if len(node.args) == 1 else None
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    return None


def _literal(value: ast.Dict, at: ast.AST) -> Outcome:
    keys: dict[str, ast.expr] = {}
    for key, item in zip(value.keys, value.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            return Outcome("unknown", at)
        keys[key.value] = item
    return Outcome("dict", at, keys)


def _variable(name: str, at: ast.AST, function: FunctionNode) -> Outcome:
    """A name that is a dict made once and only added to by `name["key"] = value`, or a sum of numbers."""
    made: list[ast.expr] = []
    keys: dict[str, ast.expr] = {}
    maybe: set[str] = set()
    top = {id(statement) for statement in function.body}
    for part in own_nodes(function):
        if isinstance(part, ast.Assign):
            for target in part.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    made.append(part.value)
                elif _subscript_of(target, name):
                    key = _key(target)
                    if key is None:
                        return Outcome("unknown", at)
                    if id(part) in top and part.lineno < getattr(at, "lineno", 0):
                        keys[key] = part.value
                    else:
                        maybe.add(key)
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.target.id == name:
            if part.value is not None:
                made.append(part.value)
        elif isinstance(part, ast.Name) and part.id == name and not isinstance(part.ctx, ast.Load):
            continue
    if len(made) == 1 and isinstance(made[0], ast.Dict) and not _changed(name, function):
        first = _literal(made[0], at)
        if first.kind == "dict":
            values = {**first.keys, **keys}
            # What is set again on some paths is not known: the name stands for it.
            open_ended = {
                key: ast.Name(id=name) for key in (maybe | _added_to(name, function)) & values.keys()
            }
            return Outcome("dict", at, {**values, **open_ended}, frozenset(maybe - values.keys()))
    if made and all(number(value) is not None for value in made) and not _changed(name, function):
        return Outcome("number", at)
    return Outcome("unknown", at)


def _added_to(name: str, function: FunctionNode) -> set[str]:
    """Keys with `name["key"] += …`."""
    return {
        key
        for part in own_nodes(function)
        if isinstance(part, ast.AugAssign) and _subscript_of(part.target, name)
        if (key := _key(part.target)) is not None
    }


def _changed(name: str, function: FunctionNode) -> bool:
    """Whether the name is also bound or handed on in a way that may change what it holds."""
    for part in own_nodes(function):
        if isinstance(part, ast.Call):
            given = [*part.args, *(word.value for word in part.keywords)]
            if any(isinstance(value, ast.Name) and value.id == name for value in given):
                return not (isinstance(part.func, ast.Name) and part.func.id in {*NUMBERS, "print"})
            if isinstance(part.func, ast.Attribute) and _is(part.func.value, name):
                return part.func.attr not in {"get", "items", "keys", "values", "copy"}
        elif _rebinds(part, name):
            return True
    return False


def _rebinds(part: ast.AST, name: str) -> bool:
    match part:
        case (
            ast.For(target=target)
            | ast.AsyncFor(target=target)
            | ast.AugAssign(target=target, op=ast.BitOr())
        ):
            return _is(target, name)
        case ast.withitem(optional_vars=target):
            return _is(target, name)
        case ast.Tuple(ctx=ast.Store(), elts=elements):
            return any(_is(element, name) for element in elements)
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return name in names
        case ast.Delete():
            return True
    return False


def _is(node: ast.AST | None, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _subscript_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Subscript) and _is(node.value, name)


def _key(node: ast.AST) -> str | None:
    assert isinstance(node, ast.Subscript)
    index = node.slice
    return index.value if isinstance(index, ast.Constant) and isinstance(index.value, str) else None


def own_nodes(function: FunctionNode) -> list[ast.AST]:
    """Nodes of the function without those of functions, classes and lambdas inside it, in the order of the text."""
    found: list[ast.AST] = []
    todo: list[ast.AST] = list(reversed(function.body))
    while todo:
        node = todo.pop()
        found.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            todo += reversed(list(ast.iter_child_nodes(node)))
    return found


def ends(body: Sequence[ast.stmt]) -> bool:
    """Whether no path leaves the statements at their end. True in doubt."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.Return | ast.Raise | ast.Continue | ast.Break):
        return True
    if isinstance(last, ast.If):
        return bool(last.orelse) and ends(last.body) and ends(last.orelse)
    if isinstance(last, ast.With | ast.AsyncWith):
        return ends(last.body)
    if isinstance(last, ast.Try):
        if ends(last.finalbody):
            return True
        return (ends(last.body) or ends(last.orelse)) and all(ends(h.body) for h in last.handlers)
    if isinstance(last, ast.While):
        return isinstance(last.test, ast.Constant) and bool(last.test.value)
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        # sys.exit() and the like: a call that may not come back
        attribute = last.value.func
        return isinstance(attribute, ast.Attribute) and attribute.attr in {"exit", "_exit", "fail"}
    return isinstance(last, ast.Match)
