"""Where an argument was written that a variable, or a script in a string, brought into a command.

A word of `eval "$CMD"` or of `bash -c "…"` is counted in a text that is put together while the script is read, so its
place there is none of the script's. The place is then looked up: `key=` above the end of the command, with the same
value if there is one, else the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from toolspec.backends.verl.written.shell.text import Command, Script, Word, shown
from toolspec.specs.problem import Span

_LITERAL = re.compile(r"[^\s\"'\\]*")
SHORTEST = 3
"""Characters of a text that is worth looking for."""


def placed(script: Script, command: Command, words: Iterable[Word]) -> list[Word]:
    """The words with places at which the script has them; those that it has nowhere stand at the command."""
    text = "\n".join(script.lines)
    end = len(text.encode("utf-8", "surrogatepass")[: command.end].decode("utf-8", "ignore"))
    return [
        word if _stands(script, word) else _looked_up(script, command, word, text[:end]) for word in words
    ]


def _head(word: Word) -> str:
    """What is looked for: the key with its `=`, else the whole text."""
    text = shown(word.text)
    key, equals, _ = text.partition("=")
    return key + equals


def _stands(script: Script, word: Word) -> bool:
    span = word.span
    if span.file != script.file:
        return True
    line = script.lines[span.line - 1] if 0 < span.line <= len(script.lines) else ""
    return line[span.column - 1 :].lstrip("\"'").startswith(_head(word))


def _looked_up(script: Script, command: Command, word: Word, above: str) -> Word:
    """The word at its place in `above`, the script down to the command's end."""
    head, whole = _head(word), shown(word.text)
    last = exact = -1
    wanted = len(head) >= SHORTEST and (head.endswith("=") or head.startswith("-"))
    for start in _found(head, above) if wanted else ():
        last = start
        if above.startswith(whole, start):
            exact = start
    start = exact if exact >= 0 else last
    if start < 0:
        return word._replace(span=command.span) if command.inner else word
    row = above.count("\n", 0, start)
    column = start - (above.rfind("\n", 0, start) + 1)
    literal = _LITERAL.match(above, start)
    length = len(literal[0]) if literal else 1
    return word._replace(span=Span(script.file, row + 1, column + 1, max(1, length)))


def _found(head: str, text: str) -> Iterator[int]:
    """Where the text begins a word outside comments."""
    for match in re.finditer(rf"(?<![\w./@+~-]){re.escape(head)}", text):
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if not line.lstrip().startswith("#"):
            yield match.start()
