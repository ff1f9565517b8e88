"""What a reward function adds to its score for a text in the answer, as far as its source shows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.outcomes import number
from toolspec.compiler.facts.module_names import FunctionNode
from toolspec.compiler.facts.python_source import nodes

SAME = frozenset({"strip", "lower", "lstrip", "rstrip", "casefold"})


def is_answer(node: ast.AST) -> bool:
    """Whether an expression is the whole response: `solution_str`, also in lower case or stripped."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SAME:
        return is_answer(node.func.value)
    return isinstance(node, ast.Name) and node.id == "solution_str"


def found_in_answer(node: ast.AST) -> str | None:
    """The text of `"text" in solution_str`, None for all else."""
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.ops[0], ast.In):
        return None
    left, right = node.left, node.comparators[0]
    if isinstance(left, ast.Constant) and isinstance(left.value, str) and is_answer(right):
        return left.value
    return None


def counted_in_answer(node: ast.AST) -> str | None:
    """The text of `solution_str.count("text")`, None for all else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "count":
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and is_answer(node.func.value):
            return first.value
    return None


def paid_texts(function: FunctionNode) -> Iterator[tuple[str, ast.AST, bool]]:
    """(text, place, whether it is paid again for every occurrence) of what is paid for being in the answer alone.

    `if "text" in solution_str: score += 0.1`, `0.1 * ("text" in solution_str)`, `0.1 * solution_str.count("text")`.
    What stands beside another condition is left out, and so is what is taken off.
    """
    for part in nodes(function):
        if isinstance(part, ast.If):
            text = found_in_answer(part.test)
            if text is not None and any(_pays(statement) for statement in part.body):
                yield text, part.test, False
        elif isinstance(part, ast.AugAssign) and isinstance(part.op, ast.Add):
            yield from _terms(part.value, 1.0, True)
        elif isinstance(part, ast.Assign | ast.Return) and part.value is not None:
            yield from _terms(part.value, 1.0, False)


def _pays(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
        amount = number(statement.value)
        return amount is not None and amount > 0
    return False


def _terms(node: ast.expr, sign: float, counts: bool) -> Iterator[tuple[str, ast.AST, bool]]:
    """Terms of a sum that are above 0 for a text alone. counts: whether the expression is a term of a score already."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _terms(node.left, sign, True)
        yield from _terms(node.right, -sign if isinstance(node.op, ast.Sub) else sign, True)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for factor, rest in ((node.left, node.right), (node.right, node.left)):
            amount = number(factor)
            if amount is not None:
                yield from _terms(rest, sign * amount, True)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from _terms(node.operand, -sign, counts)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "score":
                yield from _terms(value, sign, True)
    elif isinstance(node, ast.IfExp):
        text = found_in_answer(node.test)
        amount = number(node.body)
        if text is not None and amount is not None and counts and sign * amount > 0:
            yield text, node.test, False
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("float", "int", "bool")
    ):
        for argument in node.args:
            yield from _terms(argument, sign, counts)
    elif counts and sign > 0:
        text, again = found_in_answer(node), counted_in_answer(node)
        if text is not None:
            yield text, node, False
        elif again is not None:
            yield again, node, True
