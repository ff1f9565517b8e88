"""Texts that a regular expression matches, made from its structure: a few, the plainest first.

A pattern's own parser is the standard library's. What has no plain text (look-behind, conditions) is passed over, so a
text is a guess that the caller tries.
"""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

# Its name before Python 3.11.
parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

MOST = 24
"""Texts of one pattern, and of each of its parts."""
LONGEST = 400
PLAIN = "42 abcxyzABC.,:-_/\n"
"""Characters that are tried for a class, in this order."""
KINDS = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


def samples(pattern: str) -> list[str]:
    """Texts in which the pattern finds something, none of them certain."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = parser.parse(pattern)
        found = list(dict.fromkeys(_texts(tree, 0)))
    except (re.error, RecursionError, OverflowError):
        return []
    return found[:MOST]


def _texts(tree: Sequence[Any], depth: int) -> list[str]:
    """Of a sequence: its parts' texts one behind the other."""
    found = [""]
    for name, argument in tree:
        parts = list(dict.fromkeys(_part(str(name), argument, depth)))[:MOST]
        # The plainest of each, and each of the others beside the plainest: not every combination.
        joined = [before + parts[0] for before in found] if parts else []
        joined += [found[0] + part for part in parts[1:]] if found else []
        found = [text for text in joined if len(text) <= LONGEST][:MOST]
    return found


def _part(name: str, argument: Any, depth: int) -> Iterator[str]:
    if depth > 40:
        return
    match name:
        case "LITERAL":
            yield chr(argument)
        case "NOT_LITERAL":
            yield from (each for each in PLAIN if ord(each) != argument)
        case "ANY":
            yield from PLAIN[:6]
        case "IN":
            yield from _class(argument)
        case "BRANCH":
            for branch in argument[1]:
                yield from _texts(branch, depth + 1)[:4]
        case "SUBPATTERN":
            yield from _texts(argument[3], depth + 1)
        case "ATOMIC_GROUP":
            yield from _texts(argument, depth + 1)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, tree = argument
            yield from _repeated(least, most, tree, depth)
        case "ASSERT":
            direction, tree = argument
            yield ""
            if direction > 0:
                yield from _texts(tree, depth + 1)[:2]
        case _:  # places, look-behind, references: nothing is written for them
            yield ""


def _repeated(least: int, most: int, tree: Sequence[Any], depth: int) -> Iterator[str]:
    once = _texts(tree, depth + 1)
    times = dict.fromkeys((max(1, least), least, min(int(most), max(2, least + 1))))
    for number in times:
        if number <= int(most) and number * max(map(len, once), default=0) <= LONGEST:
            yield from (text * number for text in (once if number else [""]))


def _class(items: Sequence[Any]) -> Iterator[str]:
    """Characters of a class: plain ones that are in it, else the first of a range."""
    shown = re.compile(_class_text(items), re.DOTALL)
    found = [each for each in PLAIN if shown.match(each)]
    yield from found
    if not found:
        for name, argument in items:
            if str(name) in ("LITERAL", "RANGE"):
                yield chr(argument if str(name) == "LITERAL" else argument[0])


def _class_text(items: Sequence[Any]) -> str:
    text = ""
    for name, argument in items:
        match str(name):
            case "NEGATE":
                text += "^"
            case "LITERAL":
                text += f"\\U{argument:08x}"
            case "RANGE":
                text += f"\\U{argument[0]:08x}-\\U{argument[1]:08x}"
            case "CATEGORY":
                text += KINDS[str(argument)]
    return f"[{text}]"
