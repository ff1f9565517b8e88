r"""Matches of verl's patterns, found by looking for their marks.

verl's patterns are marks with lazy gaps between: `A(.*?)B`. Where a text has many As and no B, a regex engine walks to
the end of the text from every A. What is looked for here goes forward only, so a text takes time in its length alone;
what is found is the same: the leftmost A, the nearest B behind it, and without a B behind one A there is none behind
a later one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from unicodedata import category

SPACE = r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
r"""`\s` of the package `regex`: Unicode's White_Space. Python's own has \x1c-\x1f as well."""


class Match(NamedTuple):
    """text[start:end] matched, with these groups."""

    start: int
    end: int
    groups: tuple[str, ...]


def enclosed(text: str, opener: str, closer: str) -> Iterator[Match]:
    """`opener(.*?)closer`, where a dot is any character."""
    start = text.find(opener)
    while start >= 0:
        inside = start + len(opener)
        end = text.find(closer, inside)
        if end < 0:
            return
        yield Match(start, end + len(closer), (text[inside:end],))
        start = text.find(opener, end + len(closer))


def paired(text: str, opener: str, middle: re.Pattern[str], closer: str) -> Iterator[Match]:
    """`opener(.*?)middle(.*?)closer`, where `middle` begins with plain text and has no gap; its groups are between."""
    start = text.find(opener)
    while start >= 0:
        between = middle.search(text, start + len(opener))
        if between is None:
            return
        end = text.find(closer, between.end())
        if end < 0:
            return
        first, second = text[start + len(opener) : between.start()], text[between.end() : end]
        yield Match(start, end + len(closer), (first, *between.groups(), second))
        start = text.find(opener, end + len(closer))


def enclosed_or_open(text: str, opener: str, closer: str, *, keeps_newline: bool) -> Iterator[str]:
    """`opener(.*?)closer|opener(.*?)$`: what has no closer goes on to the end.

    `$` is also before a newline at the very end, where a lazy gap stops, and a greedy one (`keeps_newline`) does not.
    """
    end = 0
    for match in enclosed(text, opener, closer):
        yield match.groups[0]
        end = match.end
    start = text.find(opener, end)
    if start >= 0:
        rest = text[start + len(opener) :]
        yield rest if keeps_newline else rest.removesuffix("\n")


def without(text: str, matches: Iterable[Match]) -> str:
    """The text with the matches cut out."""
    kept, at = [], 0
    for match in matches:
        kept.append(text[at : match.start])
        at = match.end
    return "".join(kept) + text[at:]


WORD = frozenset("\u200c\u200d")  # Join_Control
# Letters by Other_Alphabetic: circled and squared ones, of category So.
ALSO_WORD = (
    ("\u24b6", "\u24e9"),
    ("\U0001f130", "\U0001f149"),
    ("\U0001f150", "\U0001f169"),
    ("\U0001f170", "\U0001f189"),
)


def is_word(char: str) -> bool:
    r"""`\w` of the package `regex`: letters, marks, digits and connectors by Unicode.

    Python's `\w` has no marks (the vowels of Devanagari) and has `²`. Compared on every character that Python's tables
    know; of characters younger than these, `regex` may know more.
    """
    if char.isascii():
        return char.isalnum() or char == "_"
    kind = category(char)
    return (
        kind[0] in "LM"
        or kind in ("Nd", "Nl", "Pc")
        or char in WORD
        or any(low <= char <= high for low, high in ALSO_WORD)
    )


def word_end(text: str, at: int) -> int:
    """Where the run of word characters that begins at `at` ends."""
    while at < len(text) and is_word(text[at]):
        at += 1
    return at


def word_start(text: str, end: int, least: int) -> int:
    """Where the run of word characters that ends at `end` begins, not before `least`."""
    while end > least and is_word(text[end - 1]):
        end -= 1
    return end
