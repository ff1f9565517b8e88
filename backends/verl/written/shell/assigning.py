"""Assignments of a script: `A=1`, `A+=2`, `A=(x y)`, `export`, `unset`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolspec.backends.verl.written.shell.scope import Scope
from toolspec.backends.verl.written.shell.source import Node, Source, walk
from toolspec.backends.verl.written.shell.text import EMPTY, Assignment, Value, Word, text_of
from toolspec.specs.problem import Span

if TYPE_CHECKING:
    from toolspec.backends.verl.written.shell.reading import Reading


def assign(reading: Reading, node: Node, scope: Scope, depth: int, rest: Sequence[Node] = ()) -> None:
    """rest: the end of the value where the grammar takes it for words of their own: `A="x"\\ y`, `A=$B/$C.x`."""
    target = node.child_by_field_name("name")
    value = reading.expander.value(node.child_by_field_name("value"), scope)
    for before, part in zip([node, *rest], rest, strict=False):
        more = reading.expander.continued(before, part, scope)
        value = _appended(value, more, reading.source.span(part))
    name = reading.source.text(target)
    if target.type == "subscript":
        name = reading.source.text(target.child_by_field_name("name"))
        reading.assignments.append(Assignment(name, value, reading.source.span(node)))
        scope.forget((name,), "its elements are set one by one")
        return
    if any(child.type == "+=" for child in node.children):
        value = _appended(scope.get(name), value, reading.source.span(node))
    reading.assignments.append(Assignment(name, value, reading.source.span(node)))
    scope.set(name, value)


def declare(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    """`export A=1`, `local B`, `declare -a C=(…)`, `readonly`."""
    children = node.named_children
    for number, child in enumerate(children):
        if child.type == "variable_assignment":
            assign(reading, child, scope, depth, touching(child, children[number + 1 :]))


def touching(node: Node, following: Sequence[Node]) -> list[Node]:
    """Those of the nodes after one that no blank separates from it."""
    found: list[Node] = []
    for child in following:
        if child.start_byte != (found[-1] if found else node).end_byte:
            break
        found.append(child)
    return found


def unset(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    for child in node.named_children:
        scope.values.pop(reading.source.text(child), None)


def _appended(old: Value | None, more: Value, span: Span) -> Value:
    """`X+=…`."""
    if isinstance(more, list):
        before = old if isinstance(old, list) else [Word(old, span)] if old else []
        return [*before, *more]
    if isinstance(old, list):
        return [Word(text_of(*old[0].text, *more), span), *old[1:]] if old else [Word(more, span)]
    return text_of(*(old if old is not None else EMPTY), *more)


def assigned_names(node: Node, source: Source) -> tuple[str, ...]:
    """The variables that are assigned anywhere below a node."""
    names = []
    for child in walk(node):
        if child.type == "variable_assignment":
            target = child.child_by_field_name("name")
            names.append(source.text(target).partition("[")[0])
    return tuple(dict.fromkeys(names))
