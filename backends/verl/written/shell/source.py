"""The syntax tree of a script, with places counted in characters."""

from __future__ import annotations

import re
from typing import Any

from toolspec.specs.problem import Span
from toolspec.specs.source import read_text

Node = Any  # tree_sitter.Node; the package is imported when a script is read
TOO_LONG = 64


class Source:
    """A parsed script. `text` counts bytes as the tree does; `span` counts lines and characters.

    lines: as bash counts them: only a newline ends one, and a carriage return is part of it.
    """

    def __init__(self, data: bytes, file: str) -> None:
        """Raises ProblemError for what is no text: too large, not UTF-8, control characters."""
        import tree_sitter
        import tree_sitter_bash

        self.file = file
        self.bytes = read_text(data, file).encode("utf-8")
        self.lines = tuple(self.bytes.decode("utf-8").split("\n"))
        self._raw = self.bytes.split(b"\n")
        # The grammar lets a comment in backquotes (`# …`, put between continued lines) run over the closing one.
        self.bytes = re.sub(rb"(?m)^[ \t]*`#[^`\n]*`(?=[ \t]*\\$)", lambda m: b" " * len(m[0]), self.bytes)
        parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))
        self.root: Node = parser.parse(self.bytes).root_node

    def text(self, node: Node) -> str:
        return self.slice(node.start_byte, node.end_byte)

    def begin(self, node: Node) -> int:
        """The byte of an expansion's `$`: in a string the grammar counts blanks and newlines before it as its own."""
        data = self.bytes[node.start_byte : node.end_byte]
        return int(node.start_byte) + len(data) - len(data.lstrip(b" \t\n\\"))

    def own(self, node: Node) -> str:
        """The text of an expansion from its `$` on."""
        return self.slice(self.begin(node), node.end_byte)

    def slice(self, start: int, end: int) -> str:
        return self.bytes[start:end].decode("utf-8", "replace")

    def span(self, node: Node) -> Span:
        """Where a node stands; of one over several lines, its first."""
        row, column = node.start_point
        end = node.end_point[1] if node.end_point[0] == row else len(self._raw[row])
        return self.place(row, column, end)

    def place(self, row: int, column: int, end: int) -> Span:
        """The span of bytes column..end of a line; row is counted from 0."""
        line = self._raw[row] if row < len(self._raw) else b""
        first = len(line[:column].decode("utf-8", "replace"))
        last = len(line[:end].decode("utf-8", "replace"))
        return Span(self.file, row + 1, first + 1, max(1, last - first))

    def comments(self) -> dict[int, str]:
        """Line → text of every comment, the `#` left away."""
        found: dict[int, str] = {}
        for node in walk(self.root):
            if node.type == "comment":
                found[node.start_point[0] + 1] = self.text(node).lstrip("#").strip()
        return found

    def broken(self) -> tuple[int, ...]:
        """Lines at which the grammar gave up, at most TOO_LONG of them."""
        if not self.root.has_error:
            return ()
        rows = (
            node.start_point[0] + 1 for node in walk(self.root) if node.type == "ERROR" or node.is_missing
        )
        return tuple(dict.fromkeys(rows))[:TOO_LONG]


def walk(root: Node) -> Any:
    """Every node below `root`, itself first, in the order of the text, without recursion."""
    cursor = root.walk()
    while True:
        yield cursor.node
        if cursor.goto_first_child() or cursor.goto_next_sibling():
            continue
        while True:
            if not cursor.goto_parent():
                return
            if cursor.goto_next_sibling():
                break
