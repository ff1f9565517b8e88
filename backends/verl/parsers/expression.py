"""What `eval` makes of a text that names nothing and runs nothing.

verl 0.7.1 and 0.8.0 call eval on a parameter's value inside convert_param_value. Here nothing is run: the text is
compiled for its syntax errors, and its tree is walked over constants, displays and operators on them, in Python's
order.
An exception has Python's class, since verl keeps the text for any of them: most texts of prose are a SyntaxError or a
NameError. A text that would call something, read an attribute that exists, or make a large value, is NoAnswer.

The builtins and the syntax are those of the Python that runs this, not of the one that verl runs on.
"""

from __future__ import annotations

import ast
import builtins
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from toolspec.backends.verl.parsers.call import NoAnswer

# The names of verl's module: imports and classes of 0.7.1 and 0.8.0.
MODULE = frozenset(
    [
        "json",
        "logging",
        "os",
        "ABC",
        "abstractmethod",
        "Any",
        "Optional",
        "regex",
        "BaseModel",
        "OpenAIFunctionToolSchema",
        "get_event_loop",
        "rollout_trace_op",
        "logger",
        "FunctionCall",
        "ToolParser",
        "HermesToolParser",
        "GptOssToolParser",
        "Qwen3XMLToolParser",
    ]
)
SINCE_080 = frozenset({"Gemma4ToolParser"})
LARGEST = 100_000  # bits of an integer, characters of a sequence

UNARY: Mapping[type, Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
    ast.MatMult: operator.matmul,
}
COMPARE: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


class Opaque:
    """An object that is there and is not looked at: a builtin, a module. JSON cannot hold it: enough to know."""

    def __eq__(self, other: object) -> bool:
        raise NoAnswer("what a named object equals")

    def __bool__(self) -> bool:
        raise NoAnswer("whether a named object is true")

    def __hash__(self) -> int:
        return 1


def evaluated(text: str, names: Mapping[str, Any]) -> Any:
    """The value of the text, where `names` are the local variables.

    Raises what eval raises (any exception), or NoAnswer.
    """
    with warnings.catch_warnings():  # `"\\d"`, `1 is 1` and `1(2)` warn
        warnings.simplefilter("ignore")
        compile(text.lstrip(" \t"), "<text>", "eval", dont_inherit=True)
        tree = ast.parse(text.lstrip(" \t"), mode="eval")
    try:
        return _Walk(names).value(tree.body)
    except RecursionError as error:
        raise NoAnswer("deeper than is walked here") from error


class _Walk:
    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names = names
        self.made = 0  # characters of values that operators made

    def value(self, node: ast.expr) -> Any:
        found = getattr(self, f"_{type(node).__name__}", None)
        if found is None:
            raise NoAnswer(f"{type(node).__name__} runs code")
        return found(node)

    def plain(self, node: ast.expr) -> Any:
        """The value of an operand."""
        value = self.value(node)
        if isinstance(value, Opaque):
            raise NoAnswer("an operation on a named object")
        return value

    def _Constant(self, node: ast.Constant) -> Any:
        return node.value

    def _Name(self, node: ast.Name) -> Any:
        if node.id in self.names:
            return self.names[node.id]
        if node.id == "param_config" or node.id.startswith("__") or node.id in SINCE_080:
            raise NoAnswer(f"the name {node.id}")
        if node.id in MODULE or hasattr(builtins, node.id):
            return Opaque()
        raise NameError(node.id)

    def _Tuple(self, node: ast.Tuple) -> Any:
        return tuple(map(self.value, node.elts))

    def _List(self, node: ast.List) -> Any:
        return list(map(self.value, node.elts))

    def _Set(self, node: ast.Set) -> Any:
        return set(map(self.value, node.elts))

    def _Dict(self, node: ast.Dict) -> Any:
        pairs = []
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                raise NoAnswer("** in a display")
            pairs.append((self.value(key), self.value(value)))
        return dict(pairs)

    def _UnaryOp(self, node: ast.UnaryOp) -> Any:
        return UNARY[type(node.op)](self.plain(node.operand))

    def _BinOp(self, node: ast.BinOp) -> Any:
        left, right = self.plain(node.left), self.plain(node.right)
        if _large(node.op, left, right):
            raise NoAnswer("a large value")
        value = BINARY[type(node.op)](left, right)
        self.made += _length(value)
        if self.made > 10 * LARGEST:
            raise NoAnswer("large values")
        return value

    def _BoolOp(self, node: ast.BoolOp) -> Any:
        value: Any = None
        for operand in node.values:
            value = self.value(operand)
            if operand is not node.values[-1] and bool(value) is isinstance(node.op, ast.Or):
                break
        return value

    def _Compare(self, node: ast.Compare) -> Any:
        left: Any = self.plain(node.left)
        for op, operand in zip(node.ops, node.comparators, strict=True):
            right = self.plain(operand)
            if type(op) not in COMPARE:
                raise NoAnswer("whether two constants are one object")
            if not COMPARE[type(op)](left, right):
                return False
            left = right
        return True

    def _IfExp(self, node: ast.IfExp) -> Any:
        return self.value(node.body if self.value(node.test) else node.orelse)

    def _Subscript(self, node: ast.Subscript) -> Any:
        return self.plain(node.value)[self.value(node.slice)]

    def _Slice(self, node: ast.Slice) -> Any:
        return slice(*(part and self.value(part) for part in (node.lower, node.upper, node.step)))

    def _Attribute(self, node: ast.Attribute) -> Any:
        if hasattr(self.plain(node.value), node.attr):
            raise NoAnswer(f"the attribute {node.attr}")
        raise AttributeError(node.attr)

    def _Call(self, node: ast.Call) -> Any:
        """No constant can be called, but Python looks at the arguments first."""
        self.plain(node.func)
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self.value(argument)
        raise TypeError("not callable")

    def _JoinedStr(self, node: ast.JoinedStr) -> Any:
        for part in node.values:
            self.value(part.value if isinstance(part, ast.FormattedValue) else part)
        raise NoAnswer("a text with values in it")

    def _GeneratorExp(self, node: ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp) -> Any:
        """What is gone through is worked out first; prose stops there."""
        self.value(node.generators[0].iter)
        raise NoAnswer("a loop")

    _ListComp = _SetComp = _DictComp = _GeneratorExp


def _large(op: ast.operator, left: Any, right: Any) -> bool:
    """Whether the value may be large, or take more to make than its operands are long."""
    whole = isinstance(left, int) and isinstance(right, int)
    if isinstance(op, ast.Mod):
        return isinstance(left, (str, bytes))  # a format has widths
    if isinstance(op, ast.Pow):
        return whole and left.bit_length() * right > LARGEST
    if isinstance(op, ast.LShift):
        return whole and right > LARGEST
    if isinstance(op, ast.Mult) and not whole:
        times = left if isinstance(left, int) else right if isinstance(right, int) else 1
        return (_length(left) + _length(right)) * times > LARGEST
    return False


def _length(value: Any) -> int:
    """About the characters that the value takes when written."""
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(_length(key) + _length(entry) for key, entry in value.items())
    if isinstance(value, (tuple, list, set)):
        return 1 + sum(map(_length, value))
    return 1
