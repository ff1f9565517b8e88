"""Parts of a word: escapes taken off, unknown parts kept whole, neighbours joined."""

from __future__ import annotations

import re

from toolspec.backends.verl.written.shell.fields import Segment
from toolspec.backends.verl.written.shell.text import Piece, Text, joined, known, text_of, why
from toolspec.backends.verl.written.value import Unknown

_DOUBLE = re.compile(r'\\([$`"\\])|\\\n')
_BARE = re.compile(r"\\(.)|\\\n", re.DOTALL)


def in_double_quotes(text: str) -> str:
    return _DOUBLE.sub(lambda found: found[1] or "", text) if "\\" in text else text


def bare(text: str) -> str:
    return _BARE.sub(lambda found: found[1] or "", text) if "\\" in text else text


def piece_of(text: Text) -> Piece:
    """A text as one piece: an unknown part makes all of it unknown."""
    whole = known(text)
    return whole if whole is not None else Unknown(why(text), "".join(str(p) for p in text))


def one(text: Text, quoted: bool) -> Segment:
    return piece_of(text), quoted


def many(segments: list[Segment], quoted: bool) -> Segment:
    """The segments of a default value as one."""
    whole = [part for part, _ in segments if part != ""]
    if len(whole) == 1:
        return whole[0], quoted or any(kept for _, kept in segments)
    pieces: list[Piece] = []
    for part, _ in segments:
        pieces += joined(part) if isinstance(part, list) else [part]
    return piece_of(text_of(*pieces)), quoted or any(kept for _, kept in segments)


def neighbours(segments: list[Segment]) -> list[Segment]:
    """Known quoted neighbours joined, so that a plain concatenation is one segment."""
    made: list[Segment] = []
    for part, quoted in segments:
        if made and quoted and made[-1][1] and isinstance(part, str) and isinstance(made[-1][0], str):
            made[-1] = (made[-1][0] + part, True)
        else:
            made.append((part, quoted))
    return made
