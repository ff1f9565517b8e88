"""The arguments that a script needs to go on: one that stops without them is read as if it had them."""

from __future__ import annotations

import re

from toolspec.backends.verl.written.shell.source import Node, Source
from toolspec.backends.verl.written.shell.text import Word
from toolspec.backends.verl.written.value import Unknown

MOST = 9
_COUNT = re.compile(r"""["']?\$\{?#\}?["']?\s*(-lt|-le|-ne|-eq|<=?|!=|==?)\s*["']?(\d+)""")
_ONE_MORE = frozenset({"-le", "<="})
_OTHER_THAN = frozenset({"-eq", "=", "=="})


def needed_arguments(source: Source) -> list[Word]:
    """As many arguments, each unknown, as the script names or counts outside its functions; at most MOST."""
    number, where = 0, source.root
    waiting: list[Node] = [source.root]
    while waiting:
        node = waiting.pop()
        if node.type == "function_definition":
            continue
        for here in _named(node, source):
            if number < here <= MOST:
                number, where = here, node
        waiting += node.named_children
    span = source.span(where)
    return [
        Word((Unknown(f"it is argument {n} of the script", f"${n}"),), span) for n in range(1, number + 1)
    ]


def _named(node: Node, source: Source) -> list[int]:
    if node.type in ("simple_expansion", "expansion"):
        found = re.match(r"\$\{?(\d+)\b", source.text(node).lstrip())
        return [int(found[1])] if found else []
    if node.type == "test_command":
        return [
            int(number) + (operator in _ONE_MORE or (operator in _OTHER_THAN and number == "0"))
            for operator, number in _COUNT.findall(source.text(node))
        ]
    return []
