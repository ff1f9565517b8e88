"""Texts of a script that are known in part: what a variable holds, and the words of a command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from toolspec.backends.verl.written.value import Unknown
from toolspec.specs.problem import Span

Piece = str | Unknown
Text = tuple[Piece, ...]
"""Adjacent parts of one text; the empty tuple is the empty text."""

EMPTY: Text = ()


def text_of(*pieces: Piece) -> Text:
    """The pieces with neighbouring known ones joined and empty ones left out."""
    made: list[Piece] = []
    for piece in pieces:
        if piece == "":
            continue
        if made and isinstance(piece, str) and isinstance(made[-1], str):
            made[-1] = made[-1] + piece
        else:
            made.append(piece)
    return tuple(made)


def known(text: Text) -> str | None:
    """The whole text, or None where a part of it is not known."""
    if not text:
        return ""
    return text[0] if len(text) == 1 and isinstance(text[0], str) else None


def shown(text: Text) -> str:
    """The text with what stands in the script in place of the unknown parts."""
    return "".join(str(piece) for piece in text)


def why(text: Text) -> str:
    """The reason of the first unknown part, "" for a known text."""
    return next((piece.reason for piece in text if isinstance(piece, Unknown)), "")


class Word(NamedTuple):
    """One argument. span: where it stands in the script.

    several: an unknown part of it stands without quotes and alone, so that it may be any number of words.
    when: the condition that decides whether the word is there at all, "" for always.
    """

    text: Text
    span: Span
    several: bool = False
    when: str = ""


Value = Text | list[Word]
"""What a variable holds: a text, or an array."""


class Command(NamedTuple):
    """A command that the script would run. name: its first word, "" where it is not known.

    env: name → exported or assigned value at that point. start, end: bytes in the script. file: where it stands.
    inner: it stands in a text that is put together while the script is read, and its words are placed in that text.
    """

    words: tuple[Word, ...]
    env: Mapping[str, Value]
    span: Span
    start: int
    end: int
    when: str = ""
    loop: str = ""
    inner: bool = False

    @property
    def name(self) -> str:
        return (known(self.words[0].text) or "") if self.words else ""

    def text(self, name: str) -> Text | None:
        """What the variable `name` holds when the command starts; None where nothing in the script sets it."""
        value = self.env.get(name)
        return None if value is None or isinstance(value, list) else value


class Assignment(NamedTuple):
    """`NAME=value` as it stands in the script."""

    name: str
    value: Value
    span: Span


class Script(NamedTuple):
    """All of a script. comments: line → text of each comment. assumed: what was taken for granted, in words.

    broken: lines that the grammar cannot read; what they do is not known. sbatch: long option of the header → (value,
    line).
    """

    file: str
    lines: tuple[str, ...]
    commands: tuple[Command, ...]
    assignments: tuple[Assignment, ...]
    comments: Mapping[int, str]
    assumed: tuple[str, ...]
    broken: tuple[int, ...] = ()
    sbatch: Mapping[str, tuple[str, int]] = MappingProxyType({})


NO_ENV: Mapping[str, Value] = MappingProxyType({})


def joined(words: Iterable[Word], separator: str = " ") -> Text:
    """The words as one text, as `"${array[*]}"` and `$*` give them."""
    pieces: list[Piece] = []
    for number, word in enumerate(words):
        pieces += [separator] * bool(number) + list(word.text)
    return text_of(*pieces)
