"""The tool of the seed experiment."""

import ast
import operator
from collections.abc import Callable
from fractions import Fraction

OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
LONGEST = 200  # characters of an expression


def calculator(expression: str) -> str:
    """Evaluate an arithmetic expression exactly.

    Args:
        expression: Numbers, + - * / and parentheses, for example 3 * (4 + 5).
    """
    if len(expression) > LONGEST:
        return f"error: an expression has at most {LONGEST} characters"
    try:
        return text(value(ast.parse(expression, mode="eval").body))
    except ZeroDivisionError:
        return "error: division by zero"
    except (SyntaxError, ValueError, RecursionError):
        return "error: only numbers, + - * / and parentheses are understood"


def value(node: ast.expr) -> Fraction:
    """The exact value of a syntax tree of numbers and the four operations. Raises ValueError for anything else."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return Fraction(str(node.value))
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        return OPERATIONS[type(node.op)](value(node.left), value(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        operand = value(node.operand)
        return -operand if isinstance(node.op, ast.USub) else operand
    raise ValueError(ast.dump(node))


def text(number: Fraction) -> str:
    """A whole number as such, another as a decimal."""
    return str(number.numerator) if number.denominator == 1 else f"{float(number):.10g}"
