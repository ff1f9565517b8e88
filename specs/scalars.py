"""What a plain YAML scalar means: the core schema of YAML 1.2, and where YAML 1.1 reads something else.

Source: YAML 1.2.2 section 10.3.2 (core schema); yaml.org/type/{bool,int,float}.html for 1.1. One difference
from 1.2: decimal integers with a leading zero stay text, since the two versions read `012` as 12 and as 10.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

Scalar = str | int | float | bool | None

INT_LIMIT = 1 << 63

WORDS: Mapping[str, bool | None] = MappingProxyType(
    {
        **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
        **dict.fromkeys(("true", "True", "TRUE"), True),
        **dict.fromkeys(("false", "False", "FALSE"), False),
    }
)
_TRAPS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("yes", "y", "on", "true"), "true"),
        **dict.fromkeys(("no", "n", "off", "false"), "false"),
        "null": "null",
    }
)
_NUMBER_START = frozenset("+-.0123456789")
_NUMBER = re.compile(
    r"(?P<int>0|[-+]?[1-9][0-9]*|[-+]0)|(?P<oct>0o[0-7]+)|(?P<hex>0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?)"
)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_OLD_INT = re.compile(r"([-+]?)(?:0b([01_]+)|0([0-7_]+)|0x([0-9a-fA-F_]+)|([1-9][0-9_]*))")
_OLD_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?")
_OLD_BASE_60 = re.compile(r"([-+]?)([0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)")


class NumberRangeError(ValueError):
    """A number that no setting can have: not finite, or an integer beyond 64 bits. The message says which."""


def read_plain(text: str) -> tuple[Scalar, str]:
    """The value of an unquoted scalar, and a note where YAML 1.1 reads another one ("" where it does not).

    Raises NumberRangeError.
    """
    if text in WORDS:
        return WORDS[text], ""
    if text[0] in _NUMBER_START:
        return _read_number(text)
    said, meant = misread(text)
    return text, f"{said}: write {_TRAPS[text.lower()]}, or quote it" if meant else ""


def misread(text: str) -> tuple[str, tuple[bool | int | float | None, ...]]:
    """Where YAML 1.1 reads a plain text as something else: that in words, and what may be meant; else ("", ())."""
    if text[:1] in _NUMBER_START:
        old = _read_yaml_1_1(text)
        if len(text) <= 40 and _LEADING_ZERO.fullmatch(text):
            readings = f"{'text' if old is None else old} in YAML 1.1 and {int(text)} in YAML 1.2"
            return f"`{text}` is text here, {readings}", (int(text),)
        return ("", ()) if old is None else (f"`{_short(text)}` is text here and {old} in YAML 1.1", (old,))
    if len(text) > 5 or (word := _TRAPS.get(text.lower())) is None:
        return "", ()
    if word == text.lower():
        said = f"`{text}` is text (only {word}, {word.capitalize()} and {word.upper()} are not)"
    else:
        said = f"`{text}` is text here and {word} in YAML 1.1"
    return said, (WORDS[word],)


def _read_number(text: str) -> tuple[Scalar, str]:
    if found := _NUMBER.fullmatch(text):
        if found.lastgroup == "float":
            value = float(text)
            if math.isinf(value):
                raise NumberRangeError(f"{_short(text)} is too large for a number (at most 1.8e308)")
            return value, ""
        base = {"int": 10, "oct": 8, "hex": 16}[found.lastgroup or "int"]
        digits = text if base == 10 else text[2:]
        # Python refuses to convert more than 4,300 decimal digits; 70 are beyond 64 bits in any base here.
        number = int(digits, base) if len(digits.lstrip("-+0")) < 70 else INT_LIMIT
        if not -INT_LIMIT <= number < INT_LIMIT:
            raise NumberRangeError(f"{_short(text)} does not fit into 64 bits")
        return number, ""
    if _NOT_FINITE.fullmatch(text):
        raise NumberRangeError(f"{text} is not a finite number")
    said, meant = misread(text)
    if not meant:
        return text, ""
    write = "the number that you mean" if _LEADING_ZERO.fullmatch(text) else str(meant[0])
    return text, f"{said}: write {write}, or quote it"


def _read_yaml_1_1(text: str) -> int | float | None:
    """What PyYAML makes of a text that is no number in YAML 1.2; None where it is text there as well."""
    if len(text) > 40:
        return None
    if found := _OLD_INT.fullmatch(text):
        sign = -1 if found[1] == "-" else 1
        for digits, base in zip(found.groups()[1:], (2, 8, 16, 10), strict=True):
            if digits and (plain := digits.replace("_", "")):
                return sign * int(plain, base)
        return None
    if _OLD_FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    if found := _OLD_BASE_60.fullmatch(text):
        total: int | float = 0
        for part in found[2].replace("_", "").split(":"):
            total = total * 60 + (float(part) if "." in part else int(part))
        return -total if found[1] == "-" else total
    return None


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:20]}…{text[-8:]} ({len(text):,} characters)"


class Dialect(NamedTuple):
    """How a YAML file is read. read: a plain scalar's value and a note, as `read_plain`.

    only_text_keys: a key that reads as a number, a truth value or nothing is a fault.
    """

    read: Callable[[str], tuple[Scalar, str]]
    only_text_keys: bool


YAML_1_2 = Dialect(read_plain, only_text_keys=True)
