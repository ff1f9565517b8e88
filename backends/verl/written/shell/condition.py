"""`[ … ]` and `[[ … ]]` decided where the script tells: True, False, or None where only the run knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from toolspec.backends.verl.written.shell.expand import Expander
from toolspec.backends.verl.written.shell.scope import Scope
from toolspec.backends.verl.written.shell.source import Node
from toolspec.backends.verl.written.shell.text import known

_NUMERIC: Mapping[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def decide(node: Node, expander: Expander, scope: Scope) -> bool | None:
    """What a condition comes to. Variables that nothing in the script sets leave it open."""
    kind = node.type
    text = expander.source.text(node)
    if kind == "test_command":
        inside = node.named_children
        if text.startswith("((") and len(inside) == 1:
            return _arithmetic(inside[0], expander, scope)
        return decide(inside[0], expander, scope) if len(inside) == 1 else None
    if kind == "parenthesized_expression" and len(node.named_children) == 1:
        return decide(node.named_children[0], expander, scope)
    if kind == "negated_command" or (kind == "unary_expression" and text.startswith("!")):
        found = decide(node.named_children[-1], expander, scope)
        return None if found is None else not found
    if kind == "unary_expression":
        return _unary(node, expander, scope)
    if kind == "binary_expression":
        return _binary(node, expander, scope)
    if kind == "list":
        return _list(node, expander, scope)
    if kind == "command" and text in ("true", "false", ":"):
        return text != "false"
    if kind in ("string", "word", "simple_expansion", "expansion", "concatenation"):
        value = known(expander.text(node, scope))
        return None if value is None else value != ""
    return None


def _list(node: Node, expander: Expander, scope: Scope) -> bool | None:
    left, right = (
        decide(child, expander, scope) for child in (node.named_children[0], node.named_children[-1])
    )
    both = any(child.type == "&&" for child in node.children)
    return _combined("&&" if both else "||", left, right)


def _combined(operator: str, left: bool | None, right: bool | None) -> bool | None:
    if operator in ("&&", "-a"):
        return False if False in (left, right) else None if None in (left, right) else True
    return True if True in (left, right) else None if None in (left, right) else False


def _unary(node: Node, expander: Expander, scope: Scope) -> bool | None:
    operator = expander.source.text(node.child_by_field_name("operator") or node.children[0])
    if operator not in ("-z", "-n"):
        return None
    value = known(expander.text(node.named_children[-1], scope))
    return None if value is None else (value == "") == (operator == "-z")


def _binary(node: Node, expander: Expander, scope: Scope) -> bool | None:
    operator = expander.source.text(node.child_by_field_name("operator"))
    left_node, right_node = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left_node is None or right_node is None:
        return None
    if operator in ("&&", "||", "-a", "-o"):
        return _combined(operator, decide(left_node, expander, scope), decide(right_node, expander, scope))
    left, right = known(expander.text(left_node, scope)), known(expander.text(right_node, scope))
    if left is None or right is None:
        return None
    if operator in _NUMERIC and operator.startswith("-"):
        return _numbers(operator, left, right)
    if operator in ("=", "==", "!="):
        pattern = _pattern(node, right_node, expander, scope)
        return None if pattern is None else fnmatchcase(left, pattern) == (operator != "!=")
    return None


def _pattern(node: Node, first: Node, expander: Expander, scope: Scope) -> str | None:
    """The right side as a pattern, of which what stands in quotes is meant as it reads; None where it is not known.

    The grammar gives `*"a"*` as three nodes beside one another.
    """
    parts: list[str] = []
    for side in (child for child in node.named_children if child.start_byte >= first.start_byte):
        for one in side.named_children if side.type == "concatenation" else [side]:
            text = known(expander.text(one, scope))
            if text is None:
                return None
            parts.append(
                re.sub(r"[*?\[]", "[\\g<0>]", text) if one.type in ("string", "raw_string") else text
            )
    return "".join(parts)


def _numbers(operator: str, left: str, right: str) -> bool | None:
    try:
        return _NUMERIC[operator](int(left), int(right))
    except ValueError:
        return None


def _arithmetic(node: Node, expander: Expander, scope: Scope) -> bool | None:
    if node.type != "binary_expression":
        return None
    operator = expander.source.text(node.child_by_field_name("operator"))
    sides = [node.child_by_field_name("left"), node.child_by_field_name("right")]
    if operator not in _NUMERIC or None in sides:
        return None
    values = []
    for side in sides:
        text = expander.source.text(side)
        value = scope.get(text) if text.isidentifier() else expander.text(side, scope)
        values.append(known(value) if value is not None and not isinstance(value, list) else None)
    if values[0] is None or values[1] is None:
        return None
    return _numbers(operator, values[0], values[1])
