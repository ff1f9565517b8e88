"""One argument of a command as the words that bash makes of it: split at blanks, braces and arrays written out."""

from __future__ import annotations

import re

from toolspec.backends.verl.written.shell.text import Piece, Text, Word, text_of
from toolspec.backends.verl.written.value import Unknown
from toolspec.specs.problem import Span

# One part of a word: a piece, or the words of an array; whether it is quoted, so that it stays one word.
Segment = tuple[Piece | list[Word], bool]
_BRACES = re.compile(r"\{([^{}\s]*,[^{}\s]*)\}")
_RANGE = re.compile(r"\{(-?\d+)\.\.(-?\d+)\}")
MOST_WORDS = 10_000


class Fields:
    """Gathers the words of one argument. Source: bash's manual, Word Splitting; IFS is taken to be blanks."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.done: list[Word] = []
        self._start()

    def _start(self) -> None:
        self.pieces: list[Piece] = []
        self.present = self.several = False
        self.when = ""

    def of(self, segments: list[Segment]) -> list[Word]:
        """The words of these segments, in their order."""
        whole = [(part, quoted) for part, quoted in segments if part != ""]
        if len(whole) == 1 and isinstance(whole[0][0], list) and any(quoted for _, quoted in segments):
            return whole[0][0]  # "${array[@]}": each element where it was written
        for part, quoted in segments:
            if not isinstance(part, list):
                self._add(part, quoted)
                continue
            for number, element in enumerate(part):
                if number:
                    self._end()
                self._element(element, quoted)
        self._end()
        return self.done

    def _element(self, element: Word, quoted: bool) -> None:
        """One element of an array; without quotes it is split as any other value."""
        if element.when:
            self.when = element.when
        if quoted and not element.text:
            self.present = True
        for piece in element.text:
            self._add(piece, quoted)
        self.several = self.several or element.several

    def _add(self, piece: Piece, quoted: bool) -> None:
        if quoted or isinstance(piece, Unknown):
            self.pieces.append(piece)
            self.present = True
            self.several = self.several or not quoted
            return
        if piece[:1].isspace():
            self._end()
        for number, item in enumerate(piece.split()):
            if number:
                self._end()
            self.pieces.append(item)
            self.present = True
        if piece[-1:].isspace():
            self._end()

    def _end(self) -> None:
        """What was gathered is a word; where nothing was, there is none."""
        if self.present:
            text: Text = text_of(*self.pieces)
            self.done.append(Word(text, self.span, self.several and len(text) == 1, self.when))
        self._start()


def braces(text: str) -> list[str]:
    """`a{b,c}` and `{1..3}` of a word without quotes; at most MOST_WORDS."""
    todo, done = [text], list[str]()
    while todo and len(todo) + len(done) < MOST_WORDS:
        item = todo.pop(0)
        if found := _BRACES.search(item):
            todo = [_with(item, found, part) for part in found[1].split(",")] + todo
        elif (found := _RANGE.search(item)) and abs(int(found[2]) - int(found[1])) < MOST_WORDS:
            first, last = int(found[1]), int(found[2])
            step = 1 if last >= first else -1
            todo = [_with(item, found, str(n)) for n in range(first, last + step, step)] + todo
        else:
            done.append(item)
    return done + todo


def _with(item: str, found: re.Match[str], part: str) -> str:
    return item[: found.start()] + part + item[found.end() :]
