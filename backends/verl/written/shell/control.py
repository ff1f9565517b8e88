"""Branches, loops and functions of a script: what holds after code that may run, or run several times."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from toolspec.backends.verl.written.shell.assigning import assigned_names
from toolspec.backends.verl.written.shell.condition import decide
from toolspec.backends.verl.written.shell.scope import Scope, merged
from toolspec.backends.verl.written.shell.source import Node
from toolspec.backends.verl.written.shell.text import known

if TYPE_CHECKING:
    from toolspec.backends.verl.written.shell.reading import Reading

MOST_TURNS = 100  # of a loop over words that the script lists


def each(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    reading.block(node, scope, depth + 1)


def subshell(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    reading.block(node, scope.copy(), depth + 1)


def list_(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    """`a && b`, `a || b`: what comes second may not run."""
    first, *rest = node.named_children
    operator = next((child.type for child in node.children if child.type in ("&&", "||")), "&&")
    decided = decide(first, reading.expander, scope)
    reading.statement(first, scope, depth + 1)
    for child in rest:
        runs = None if decided is None else decided == (operator == "&&")
        if runs is False:
            continue
        # A command before `&&` usually succeeds, and one after `||` is for the failure.
        if runs or (operator == "&&" and first.type not in ("test_command", "negated_command")):
            reading.statement(child, scope, depth + 1)
        else:
            _branches(
                reading, [(child, _condition(reading, first, operator == "||"))], scope, depth, otherwise=True
            )


def _condition(reading: Reading, node: Node, negated: bool = False) -> str:
    text = " ".join(reading.source.text(node).split())
    text = text if len(text) <= 40 else text[:39] + "…"
    line = node.start_point[0] + 1
    return f"`{'! ' * negated}{text}` (line {line})"


def _branches(
    reading: Reading,
    branches: list[tuple[Node | list[Node], str]],
    scope: Scope,
    depth: int,
    *,
    otherwise: bool,
) -> None:
    """Read each branch from the same start; afterwards holds what they agree on."""
    ends = []
    for body, condition in branches:
        inner = scope.copy()
        before, reading.when = reading.when, reading.when or condition
        for child in body if isinstance(body, list) else [body]:
            if not inner.ended:
                reading.statement(child, inner, depth + 1)
        reading.when = before
        ends.append(inner)
    if otherwise:
        ends.append(scope.copy())
    scope.take(merged(ends, branches[0][1] if branches else "a condition"))


def if_(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    arms: list[tuple[Node | None, list[Node]]] = []
    for clause in (node, *(c for c in node.named_children if c.type in ("elif_clause", "else_clause"))):
        arms.append(_arm(clause))
    open_arms: list[tuple[Node | list[Node], str]] = []
    otherwise = True
    for condition, body in arms:
        decided = True if condition is None else decide(condition, reading.expander, scope)
        if condition is not None and decided is None:
            reading.statement(condition, scope, depth + 1)
        if decided is False:
            continue
        label = _condition(reading, condition) if condition is not None else "the conditions before"
        open_arms.append((body, label))
        if decided:
            otherwise = False
            break
    if len(open_arms) == 1 and not otherwise:
        for child in open_arms[0][0]:
            if not scope.ended:
                reading.statement(child, scope, depth + 1)
    elif open_arms:
        _branches(reading, open_arms, scope, depth, otherwise=otherwise)


def case(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    value = known(reading.expander.text(node.child_by_field_name("value"), scope))
    label = _condition(reading, node.child_by_field_name("value"))
    branches: list[tuple[Node | list[Node], str]] = []
    otherwise = True
    for item in (child for child in node.named_children if child.type == "case_item"):
        patterns = [known(reading.expander.text(v, scope)) for v in item.children_by_field_name("value")]
        values = {v.id for v in item.children_by_field_name("value")}
        body = [c for c in item.named_children if c.id not in values]
        if value is None:
            branches.append((body, label))
            otherwise = otherwise and "*" not in patterns
        elif any(p is not None and fnmatchcase(value, p) for p in patterns):
            branches, otherwise = [(body, label)], False
            break
    if len(branches) == 1 and not otherwise:
        for child in branches[0][0]:
            if not scope.ended:
                reading.statement(child, scope, depth + 1)
    elif branches:
        _branches(reading, branches, scope, depth, otherwise=otherwise)


def for_(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    name = reading.source.text(node.child_by_field_name("variable"))
    body = node.child_by_field_name("body")
    values = node.children_by_field_name("value")
    words = reading.expander.all_words(values, scope)
    if not values and scope.positional is not None:
        words = list(scope.positional)
    listed = words and len(words) <= MOST_TURNS and not any(w.several or w.when for w in words)
    if values and not words:
        return
    outer, reading.loop = reading.loop, f"`for {name}` (line {node.start_point[0] + 1})"
    if listed:
        for word in words:
            scope.set(name, word.text)
            reading.statement(body, scope, depth + 1)
    else:
        _unknown_turns(reading, body, scope, depth, (name, *assigned_names(body, reading.source)))
    reading.loop = outer


def while_(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    body = node.child_by_field_name("body")
    condition = node.child_by_field_name("condition")
    decided = decide(condition, reading.expander, scope) if condition is not None else None
    until = reading.source.text(node).startswith("until")
    if decided is not None and decided == until:
        return
    if condition is not None:
        reading.statement(condition, scope, depth + 1)
    outer, reading.loop = reading.loop, f"the loop of line {node.start_point[0] + 1}"
    _unknown_turns(reading, body, scope, depth, assigned_names(body, reading.source))
    reading.loop = outer


def _unknown_turns(reading: Reading, body: Node, scope: Scope, depth: int, names: Iterable[str]) -> None:
    """A loop that goes round an unknown number of times: what it assigns is not known in it and after it."""
    names = tuple(dict.fromkeys(names))
    reason = f"a loop changes it (line {body.start_point[0] + 1})"
    scope.forget(names, reason)
    ended = scope.ended
    reading.statement(body, scope, depth + 1)
    scope.forget(names, reason)
    scope.ended = ended


def function(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    reading.functions[reading.source.text(node.child_by_field_name("name"))] = node.child_by_field_name(
        "body"
    )


def _arm(clause: Node) -> tuple[Node | None, list[Node]]:
    """Condition and statements of `if`, `elif` or `else`."""
    condition = clause.child_by_field_name("condition")
    children = [c for c in clause.named_children if c.type not in ("elif_clause", "else_clause", "comment")]
    if clause.type == "else_clause":
        return None, children
    if condition is None and children:
        condition = children[0]
    return condition, [c for c in children if condition is None or c.id != condition.id]
