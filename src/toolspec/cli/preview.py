"""Text of rows on a terminal: nothing of it moves the cursor, and it is cut to the room there is."""

from __future__ import annotations

import unicodedata

# Control, format and surrogate characters, and what stands for no character: shown by their number.
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def escaped(text: str) -> str:
    """`text` on one line, with `\\n`, `\\x1b` and their like for what cannot be seen."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(
        one.encode("unicode_escape").decode() if unicodedata.category(one) in _ESCAPED else one
        for one in text
    )


def ends(head: str, tail: str, characters: int, room: int) -> str:
    """Head … tail of a text of so many characters, in at most `room` columns; head and tail are escaped."""
    if characters <= len(head):
        whole = escaped(head)
        if columns(whole) <= room:
            return whole
    first = _cut(escaped(head), room - room // 3 - 3)
    last = _cut(escaped(tail)[::-1], room // 3)[::-1]
    return f"{first} … {last}"


def columns(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(_column(one) for one in text)


def _column(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(text: str, room: int) -> str:
    used = 0
    for place, one in enumerate(text):
        used += _column(one)
        if used > room:
            return text[:place]
    return text
