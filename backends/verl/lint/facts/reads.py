"""Which keys of extra_info a reward function cannot do without."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from toolspec.backends.verl.lint.facts.reward import RewardFunction
from toolspec.compiler.facts.python_source import nodes

CATCHING = frozenset({"KeyError", "LookupError", "Exception", "BaseException", "TypeError"})


class Read(NamedTuple):
    """`extra_info["key"]`. certain: it is reached by every call; else only on some paths."""

    key: str
    node: ast.Subscript
    certain: bool


def extra_info_reads(function: RewardFunction) -> tuple[Read, ...]:
    """Every read that raises KeyError where the key is not there: no default, no test, no `try` around it."""
    if not function.parameter("extra_info"):
        return ()
    if any(_binds(part) for part in nodes(function.node)):
        return ()  # another mapping may stand under the name
    tested = {
        part.left.value
        for part in nodes(function.node)
        if isinstance(part, ast.Compare)
        and isinstance(part.left, ast.Constant)
        and isinstance(part.left.value, str)
        and any(isinstance(op, ast.In | ast.NotIn) for op in part.ops)
    }
    return tuple(read for read in _reads(function.node.body, True) if read.key not in tested)


def _binds(node: ast.AST) -> bool:
    if isinstance(node, ast.Name) and node.id == "extra_info" and not isinstance(node.ctx, ast.Load):
        return True
    if isinstance(node, ast.Subscript) and _is_extra(node.value) and not isinstance(node.ctx, ast.Load):
        return True
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and _is_extra(node.func.value)
        and node.func.attr in ("setdefault", "update")
    )


def _is_extra(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "extra_info"


def _reads(statements: list[ast.stmt], certain: bool) -> Iterator[Read]:
    """Reads of statements in their order; after a statement that may leave the function they are not certain."""
    for node in statements:
        yield from _of(node, certain)
        if any(isinstance(part, ast.Return | ast.Raise) for part in nodes(node)):
            certain = False


def _of(node: ast.AST, certain: bool) -> Iterator[Read]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    if isinstance(node, ast.Subscript) and _is_extra(node.value) and isinstance(node.slice, ast.Constant):
        if isinstance(node.slice.value, str):
            yield Read(node.slice.value, node, certain)
        return
    if isinstance(node, ast.Try):
        if not any(_catches(handler) for handler in node.handlers):
            yield from _reads(node.body, certain)
        for block in (node.orelse, node.finalbody):
            yield from _reads(block, False)
        return
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield from _of(node.test, certain)
        branches = [*(node.body if isinstance(node.body, list) else [node.body])]
        branches += node.orelse if isinstance(node.orelse, list) else [node.orelse]
        if any(_is_extra(part) for part in ast.walk(node.test)):
            return  # the test may be about the key
        for part in branches:
            yield from _of(part, False)
        return
    if isinstance(node, ast.For | ast.AsyncFor):
        yield from _of(node.iter, certain)
        for part in (*node.body, *node.orelse):
            yield from _of(part, False)
        return
    if isinstance(node, ast.BoolOp):
        yield from _of(node.values[0], certain)
        if not any(_is_extra(part) for part in ast.walk(node.values[0])):
            for part in node.values[1:]:
                yield from _of(part, False)
        return
    for part in ast.iter_child_nodes(node):
        yield from _of(part, certain)


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(
        (isinstance(part, ast.Name) and part.id in CATCHING)
        or (isinstance(part, ast.Attribute) and part.attr in CATCHING)
        for part in ast.walk(handler.type)
    )
