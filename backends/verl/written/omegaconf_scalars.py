"""What a plain scalar of a verl YAML file means: OmegaConf's reading, and where its writer may mean another.

Source: omegaconf 2.3, _utils.get_yaml_loader: PyYAML's resolvers (YAML 1.1) without time stamps, and floats also
without a point (`1e-6`). Tested for equality with that loader in tests/unit/test_omegaconf_scalars.py.
"""

from __future__ import annotations

import re

from toolspec.specs.scalars import Dialect, Scalar

_BOOL = {
    spelling: value
    for words, value in ((("yes", "true", "on"), True), (("no", "false", "off"), False))
    for word in words
    for spelling in (word, word.capitalize(), word.upper())
}
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_FLOAT = re.compile(
    r"[-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*[eE][-+]?[0-9]+"
    r"|[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
# OmegaConf's own pattern takes digits without a point or an exponent as well; PyYAML's integers come first.
_INT = re.compile(
    r"([-+]?)(?:0b(?P<two>[0-1_]+)|0(?P<eight>[0-7_]+)|0x(?P<sixteen>[0-9a-fA-F_]+)|(?P<ten>0|[1-9][0-9_]*))"
)
_SIXTY = re.compile(r"([-+]?)([0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)")
_SIXTY_INT = re.compile(r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+")
_BASES = {"two": 2, "eight": 8, "sixteen": 16, "ten": 10}
_START = frozenset("-+0123456789.")
LONGEST = 4000  # digits; Python converts no more


def read_scalar(text: str) -> tuple[Scalar, str]:
    """The value of an unquoted scalar, and what its writer may have meant in its place ("" where nothing)."""
    if text in _NULL:
        return None, ""
    if text in _BOOL:
        plain = text.lower() in ("true", "false")
        value = _BOOL[text]
        return value, "" if plain else f"`{text}` is {str(value).lower()} there; quoted it is text"
    if text[0] not in _START or len(text) > LONGEST:
        return text, ""
    return _number(text)


def _number(text: str) -> tuple[Scalar, str]:
    try:
        if found := _INT.fullmatch(text):
            base = _BASES[str(found.lastgroup)]
            digits = found[str(found.lastgroup)].replace("_", "")
            value = int(found[1] + (digits or "0" * (base == 8)), base)
            octal = base == 8 and value > 7
            return value, f"`{text}` is {value} there: a leading zero makes it octal" if octal else ""
        if _FLOAT.fullmatch(text):
            return _float(text), ""
        if found := _SIXTY.fullmatch(text):
            if "." not in text and not _SIXTY_INT.fullmatch(text):
                return text, ""
            total = _base_sixty(found)
            return total, f"`{text}` is {total} there, a number to the base 60; quoted it is text"
    except ValueError:  # `0b_`, `0x_`: PyYAML fails on them as well
        pass
    return text, ""


def _float(text: str) -> float:
    plain = text.replace("_", "").lower()
    sign = -1.0 if plain.startswith("-") else 1.0
    bare = plain.lstrip("+-")
    if bare == ".inf":
        return sign * float("inf")
    return float("nan") if bare == ".nan" else float(plain)


def _base_sixty(found: re.Match[str]) -> int | float:
    total: int | float = 0
    for part in found[2].replace("_", "").split(":"):
        total = total * 60 + (float(part) if "." in part else int(part))
    return -total if found[1] == "-" else total


OMEGACONF = Dialect(read_scalar, only_text_keys=False)
