"""Scripts inside a script: here-documents, `bash -c "…"`, `eval "…"`, `--wrap="…"`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolspec.backends.verl.written.shell.scope import Scope
from toolspec.backends.verl.written.shell.source import Node, Source
from toolspec.backends.verl.written.shell.text import Command, Text, shown, text_of
from toolspec.backends.verl.written.value import Unknown

if TYPE_CHECKING:
    from toolspec.backends.verl.written.shell.reading import Reading


def inner_script(reading: Reading, text: Text, scope: Scope, depth: int, node: Node) -> None:
    """A script inside the script: the text of a here-document or of `bash -c`. Places are those of `node`."""
    body = "".join(piece if isinstance(piece, str) else piece.text for piece in text)
    if "verl" not in body or ("\n" not in body and " " not in body):
        return
    nested = reading.nested(Source(body.encode("utf-8", "surrogatepass"), reading.source.file))
    values = {p.text.lstrip("$").strip("{}"): (p,) for p in text if isinstance(p, Unknown)}
    inside = scope.copy()
    inside.values.update({name: value for name, value in values.items() if name.isidentifier()})
    nested.block(nested.source.root, inside, depth + 1)
    reading.steps = nested.steps
    here = reading.source.span(node)
    row = node.start_point[0]
    for command in nested.commands:
        words = tuple(w._replace(span=w.span._replace(line=w.span.line + row)) for w in command.words)
        reading.commands.append(
            command._replace(words=words, span=here, start=node.start_byte, end=node.end_byte, inner=True)
        )


_NAMES_A_PROCESS = frozenset(
    {
        "pgrep",
        "pkill",
        "killall",
        "ps",
        "grep",
        "egrep",
        "fgrep",
        "rg",
        "awk",
        "sed",
        "echo",
        "printf",
        "tee",
        "curl",
    }
)
"""Commands whose words are a pattern or a text: a command in them is looked for or shown, and not run."""


def inner_scripts(reading: Reading, command: Command, node: Node, scope: Scope, depth: int) -> None:
    """`bash -c "…"`, `eval "…"`, `--wrap="…"`, `ssh host "…"`: a word that is itself a script."""
    if command.name in _NAMES_A_PROCESS:
        return
    if any("main_ppo" in shown(word.text) for word in command.words[1:]):
        for word in command.words[1:]:
            text = shown(word.text)
            if "main_ppo" in text and any(blank in text.strip() for blank in " \n"):
                head = text.partition("=")[0]
                body = word.text
                if head.startswith("--") and isinstance(body[0], str):
                    body = text_of(body[0].partition("=")[2], *body[1:])
                inner_script(reading, body, scope, depth, node)
