"""Simple commands: their words, and what a few of them do to the script itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolspec.backends.verl.written.shell.assigning import assign, touching
from toolspec.backends.verl.written.shell.inner import inner_script, inner_scripts
from toolspec.backends.verl.written.shell.scope import Scope
from toolspec.backends.verl.written.shell.source import Node, Source
from toolspec.backends.verl.written.shell.text import Command, Word, known, shown

if TYPE_CHECKING:
    from toolspec.backends.verl.written.shell.reading import Reading


def redirected(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    """The command with what stands behind its redirections, and here-documents that are themselves scripts."""
    body = node.child_by_field_name("body")
    extra: list[Node] = []
    for child in node.named_children:
        if child.type == "file_redirect":
            extra += child.children_by_field_name("destination")[1:]
        elif child.type == "heredoc_redirect":
            _here_document(reading, child, scope, depth)
            extra += [
                c for c in child.named_children if c.type in ("word", "concatenation", "string", "raw_string")
            ]
    if body is None:
        return
    if body.type == "command":
        simple_command(reading, body, scope, depth, extra)
    else:
        reading.statement(body, scope, depth + 1)


def _here_document(reading: Reading, node: Node, scope: Scope, depth: int) -> None:
    start = next((c for c in node.named_children if c.type == "heredoc_start"), None)
    body = next((c for c in node.named_children if c.type == "heredoc_body"), None)
    for child in node.named_children:
        if child.type in ("pipeline", "command", "list"):
            reading.statement(child, scope, depth + 1)
    if start is None or body is None:
        return
    mark = reading.source.text(start)
    text = reading.expander.here_document(body, scope, quoted=any(c in mark for c in "'\"\\"))
    inner_script(reading, text, scope, depth, body)


def words_of(reading: Reading, node: Node, scope: Scope, extra: list[Node]) -> list[Word]:
    name = node.child_by_field_name("name")
    nodes = [name.named_children[0] if name is not None and name.named_children else name]
    nodes += [*node.children_by_field_name("argument"), *extra]
    return reading.expander.all_words([child for child in nodes if child is not None], scope)


def simple_command(
    reading: Reading, node: Node, scope: Scope, depth: int, extra: list[Node] | None = None
) -> None:
    inner = scope
    assigned = [child for child in node.named_children if child.type == "variable_assignment"]
    name = node.child_by_field_name("name")
    if assigned and name is not None and name.start_byte == assigned[-1].end_byte:
        _split_value(reading, node, assigned, name, scope, depth)
        return
    if assigned:
        inner = scope.copy()
        for child in assigned:
            assign(reading, child, inner, depth)
    words = words_of(reading, node, scope, extra or [])  # expanded before the assignments hold
    if not words:
        return
    end = max([node.end_byte, *(child.end_byte for child in extra or [])])
    command = Command(
        tuple(words),
        dict(inner.values),
        reading.source.span(node),
        node.start_byte,
        end,
        reading.when,
        reading.loop,
    )
    reading.commands.append(command)
    _effect(reading, command, node, scope, depth)


def _split_value(
    reading: Reading, node: Node, assigned: list[Node], rest: Node, scope: Scope, depth: int
) -> None:
    """`A="x"\\ y`: the grammar takes what follows the quotes for a command; it is the value's end."""
    for child in assigned[:-1]:
        assign(reading, child, scope, depth)
    words = [
        rest.named_children[0] if rest.named_children else rest,
        *node.children_by_field_name("argument"),
    ]
    assign(reading, assigned[-1], scope, depth, touching(assigned[-1], words))


def _effect(reading: Reading, command: Command, node: Node, scope: Scope, depth: int) -> None:
    """What a command does to the script itreading."""
    name, arguments = command.name, command.words[1:]
    if name in reading.functions:
        _call(reading, reading.functions[name], arguments, scope, depth)
    elif name in ("exit", "return") or (name == "exec" and arguments):
        scope.ended = True  # `exec > log` only sends what follows there
    elif name in ("cd", "pushd", "popd"):
        scope.move(known(arguments[0].text) if name == "cd" and len(arguments) == 1 else None)
    elif name in ("source", "."):
        _source(reading, arguments, scope, depth)
    elif name == "shift":
        by = known(arguments[0].text) if arguments else "1"
        if scope.positional is not None:
            scope.positional = scope.positional[int(by) :] if by and by.isdigit() else None
    elif name == "set":
        _set(reading, arguments, scope)
    elif name in ("read", "mapfile", "readarray", "getopts"):
        names = [known(w.text) or "" for w in arguments]
        scope.forget((n for n in names if n.isidentifier()), f"`{name}` reads it")
    else:
        inner_scripts(reading, command, node, scope, depth)


def _call(reading: Reading, body: Node, arguments: tuple[Word, ...], scope: Scope, depth: int) -> None:
    outer = scope.positional, scope.ended, scope.asked
    scope.positional = None if any(w.several for w in arguments) else list(arguments)
    scope.asked = False
    reading.statement(body, scope, depth + 1)
    scope.positional, scope.ended, scope.asked = outer


def _set(reading: Reading, arguments: tuple[Word, ...], scope: Scope) -> None:
    for number, word in enumerate(arguments):
        if known(word.text) == "--":
            rest = arguments[number + 1 :]
            scope.positional = None if any(w.several for w in rest) else list(rest)
            scope.asked = False
            return


def _source(reading: Reading, arguments: tuple[Word, ...], scope: Scope, depth: int) -> None:
    name = known(arguments[0].text) if arguments else None
    data = reading.beside(name) if name else None
    if data is None:
        shown_name = shown(arguments[0].text) if arguments else "a file"
        reading.assumed.setdefault(
            f"`{shown_name}`, which is sourced and not at hand, sets nothing that is used"
        )
        return
    nested = reading.nested(Source(data, str(name)))
    nested.functions = reading.functions
    nested.block(nested.source.root, scope, depth + 1)
    reading.steps = nested.steps
    scope.ended = False
    reading.commands += nested.commands
    reading.assignments += nested.assignments
