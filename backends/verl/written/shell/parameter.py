"""`${X%suffix}`, `${X##*/}`, `${X//a/b}`, `${X^^}`: a known text changed by an operator of bash."""

from __future__ import annotations

import re
from fnmatch import translate

LONGEST = 10_000


def transformed(value: str, operator: str, argument: str) -> str | None:
    """The changed text; None for an operator that is not read here. Patterns are bash's: `*`, `?`, `[…]`."""
    if len(value) > LONGEST:
        return None
    if operator in ("%", "%%"):
        return _without_end(value, argument, longest=operator == "%%")
    if operator in ("#", "##"):
        return _without_start(value, argument, longest=operator == "##")
    if operator in ("/", "//"):
        pattern, _, replacement = argument.partition("/")
        # Lazily matched pieces would need bash's own matcher; without wildcards it is a plain text.
        if not pattern or set("*?[") & set(pattern):
            return None
        return value.replace(pattern, replacement, -1 if operator == "//" else 1)
    if operator in ("^^", ",,") and not argument:
        return value.upper() if operator == "^^" else value.lower()
    if operator in ("^", ",") and not argument:
        return (value[:1].upper() if operator == "^" else value[:1].lower()) + value[1:]
    return None


def _without_end(value: str, pattern: str, *, longest: bool) -> str:
    match = re.compile(translate(pattern)).match
    cuts = range(len(value) + 1) if longest else range(len(value), -1, -1)
    return next((value[:cut] for cut in cuts if match(value[cut:])), value)


def _without_start(value: str, pattern: str, *, longest: bool) -> str:
    match = re.compile(translate(pattern)).match
    cuts = range(len(value), -1, -1) if longest else range(len(value) + 1)
    return next((value[cut:] for cut in cuts if match(value[:cut])), value)
