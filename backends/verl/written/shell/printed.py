"""What `$(…)` prints, for the few commands that only name a path or repeat their words or lines."""

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from toolspec.backends.verl.written.shell.commands import words_of
from toolspec.backends.verl.written.shell.scope import STARTED_HERE, Scope
from toolspec.backends.verl.written.shell.source import Node
from toolspec.backends.verl.written.shell.text import Text, known, text_of
from toolspec.backends.verl.written.value import Unknown

if TYPE_CHECKING:
    from toolspec.backends.verl.written.shell.reading import Reading

MOST_SUBSTITUTIONS = 24  # inside one another


def substituted(reading: Reading, node: Node, scope: Scope) -> Text:
    """What `$(…)` prints, for the few commands that only name a path or repeat their words."""
    whole = reading.source.own(node)
    inside = [child for child in node.named_children if child.type != "comment"]
    if len(inside) == 1 and reading.substitutions < MOST_SUBSTITUTIONS:
        reading.substitutions += 1
        try:
            found = _printed(reading, inside[0], scope)
        finally:
            reading.substitutions -= 1
        if found is not None:
            return found
    return (Unknown(f"it is what `{_cut(whole)}` prints", whole),)


def _printed(reading: Reading, node: Node, scope: Scope) -> Text | None:
    if node.type == "redirected_statement":
        return _lines_of_cat(reading, node, scope)
    if node.type == "list":  # cd FOLDER && pwd
        first, last = node.named_children[0], node.named_children[-1]
        words = _plain_words(reading, first, scope)
        if words and words[0] == "cd" and len(words) == 2 and reading.source.text(last) == "pwd":
            return _absolute(reading, scope, words[1])
        return None
    words = _plain_words(reading, node, scope)
    if not words:
        return None
    name, *arguments = words
    paths = [argument for argument in arguments if not argument.startswith("-")]
    if name == "dirname" and len(paths) == 1:
        return text_of(str(PurePosixPath(paths[0]).parent))
    if name == "basename" and 1 <= len(paths) <= 2:
        base = PurePosixPath(paths[0]).name
        return text_of(base.removesuffix(paths[1]) if len(paths) == 2 else base)
    if name == "pwd" and not paths:
        return _absolute(reading, scope, ".")
    if name in ("realpath", "readlink") and len(paths) == 1:
        return _absolute(reading, scope, paths[0])
    if name == "echo" and len(paths) == len(arguments):
        return text_of(" ".join(arguments))
    return None


def _absolute(reading: Reading, scope: Scope, path: str) -> Text | None:
    """A path from the folder that the script is in by then."""
    if path.startswith("/"):
        return text_of(posixpath.normpath(path))
    if scope.folder is None:
        return None
    reading.assumed.setdefault(STARTED_HERE)
    return text_of(posixpath.normpath(posixpath.join(scope.folder, path)))


def _lines_of_cat(reading: Reading, node: Node, scope: Scope) -> Text | None:
    """`cat <<EOF`: the lines of the here-document."""
    body, rest = node.child_by_field_name("body"), node.named_children[1:]
    if body is None or len(rest) != 1 or rest[0].type != "heredoc_redirect":
        return None
    parts = {child.type: child for child in rest[0].named_children}
    if reading.source.text(body) != "cat" or not parts.keys() <= {
        "heredoc_start",
        "heredoc_body",
        "heredoc_end",
    }:
        return None
    if "heredoc_body" not in parts:
        return text_of("")
    quoted = any(mark in reading.source.text(parts["heredoc_start"]) for mark in "'\"\\")
    found = reading.expander.here_document(parts["heredoc_body"], scope, quoted=quoted)
    last = found[-1] if found else ""
    return text_of(*found[:-1], last.rstrip("\n")) if isinstance(last, str) else found


def _plain_words(reading: Reading, node: Node, scope: Scope) -> list[str] | None:
    """The words of a simple command, None where one is not known."""
    if node.type != "command":
        return None
    found = [known(w.text) for w in words_of(reading, node, scope, [])]
    words = [text for text in found if text is not None]
    return words if len(words) == len(found) else None


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:39] + "…"
