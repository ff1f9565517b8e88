r"""The number that a text answers with, as an exact fraction.

1. In the last `\boxed{...}` or, if it stands later, after the last `####`; where one is there, only there.
2. Else anywhere: always the last number.

Read as numbers: `1,234.50` (commas only between groups of three), `.5`, `-3`, `−3` (any Unicode minus),
`1.5e-3`, `1.5 × 10^3`, `10^{-2}`, `3/4`, `1 3/4`, `\frac{3}{4}`. Currency and percent signs are dropped
(`50%` is 50), so is a full stop after the number. Digits inside a word (`x2`, `CO2`) are no number; a sign
after a digit or letter (`10-5`) is an operator. A number of more than 300 digits, or an exponent beyond ±300,
is none.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

MOST = 300

_BOX = re.compile(r"(\\(?:boxed|fbox)\s{0,8}\{)|[{}]")
_FRAC = re.compile(r"\\[dt]?frac *(?:\{([^{}]+)\}|(\d)) *(?:\{([^{}]+)\}|(\d))")
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
_PLAIN = rf"(?:{_DIGITS}(?:\.\d+)?|(?<![\d.])\.\d+)"
_CURRENCY = r"[$€£¥₹₫₩]"
_NUMBER = re.compile(
    rf"""
    (?=[-+.\d]|{_CURRENCY})  # what a number can begin with: without it, five times as slow
    (?<![A-Za-z_\d])(?<!\d\.)
    (?P<sign>(?:(?<![A-Za-z_\d)\]}}%])[-+])?(?:{_CURRENCY}[ ]?[-+]?)?)
    (?:
        (?:(?P<factor>{_PLAIN})\s*(?:×|\*|·|\\times|\\cdot|[xX])\s*)?
        10\s*\^\s*(?:\{{\s*(?P<p1>[-+]?\d+)\s*\}}|(?P<p2>[-+]?\d+))
      | (?P<whole>\d+)\s+(?P<mn>\d+)\s*/\s*(?P<md>\d+)(?![\d/])
      | (?P<n>{_PLAIN})\s*/\s*(?P<d>{_PLAIN})(?!\s*/)
      | (?P<plain>{_PLAIN})(?:[eE](?P<exp>[-+]?\d+)(?![A-Za-z\d]))?
    )
    """,
    re.VERBOSE,
)
_TABLE = str.maketrans(
    {
        **dict.fromkeys("−﹣－‑‐–", "-"),  # minus, small, full width, two hyphens, en dash
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
        **dict.fromkeys("\u00a0\u2007", " "),
        **dict.fromkeys("\u202f\u2009", None),  # thin spaces group digits
        "⁄": "/",
        "∕": "/",
    }
)


def boxed(text: str) -> tuple[int, str] | None:
    r"""(position, content) of the last complete `\boxed{...}`, braces balanced; None if there is none."""
    opened: list[tuple[int, int] | None] = []  # (start, content) of a box, None for any other brace
    found: tuple[int, str] | None = None
    for match in _BOX.finditer(text):
        if match.group() != "}":
            opened.append((match.start(), match.end()) if match.group(1) else None)
            continue
        box = opened.pop() if opened else None
        if box is not None and (found is None or box[0] > found[0]):
            found = (box[0], text[box[1] : match.start()])
    return found


def marked(text: str) -> str | None:
    r"""What stands in the last `\boxed{}` or after the last `####` of a line, the later of both; or None."""
    box = boxed(text)
    hashes = text.rfind("####")
    if box is not None and box[0] > hashes:
        return box[1]
    if hashes >= 0:
        lines = text[hashes + 4 :].strip().splitlines()
        return lines[0] if lines else ""
    return None


def _readable(text: str) -> str:
    text = text.translate(_TABLE)
    for latex, shown in (("{,}", ","), ("\\,", ""), ("\\!", ""), ("\\$", "$"), ("\\%", "%")):
        text = text.replace(latex, shown)

    def over(match: re.Match[str]) -> str:
        top, bottom = (match.group(1) or match.group(2)).strip(), (match.group(3) or match.group(4)).strip()
        before = " " if match.start() and match.string[match.start() - 1].isdigit() else ""
        return f"{before}{top}/{bottom} "

    return _FRAC.sub(over, text)


def _exact(text: str) -> Fraction | None:
    text = text.replace(",", "")
    if text.isdecimal() and len(text) <= MOST:
        return Fraction(int(text))  # a third of the time
    return Fraction(Decimal(text)) if len(text) <= MOST else None


def _value(match: re.Match[str]) -> Fraction | None:
    part = match.groupdict()
    value: Fraction | None
    if part["p1"] or part["p2"]:
        power = part["p1"] or part["p2"]
        if len(power) > 4 or abs(int(power)) > MOST:
            return None
        factor = _exact(part["factor"]) if part["factor"] else Fraction(1)
        value = None if factor is None else factor * Fraction(10) ** int(power)
    elif part["whole"]:
        whole, top, bottom = (_exact(part[name]) for name in ("whole", "mn", "md"))
        if whole is None or top is None or not bottom:
            return None
        value = whole + top / bottom if top < bottom else top / bottom
    elif part["n"]:
        top, bottom = _exact(part["n"]), _exact(part["d"])
        value = None if top is None or not bottom else top / bottom
    else:
        value = _exact(part["plain"])
        if value is not None and part["exp"]:
            if len(part["exp"]) > 4 or abs(int(part["exp"])) > MOST:
                return None
            value *= Fraction(10) ** int(part["exp"])
    return -value if value is not None and "-" in part["sign"] else value


def numbers(text: str) -> set[Fraction | int]:
    """Every number that stands in a text. Whole ones as int: they hash in a tenth of the time, and equal."""
    found = (_value(match) for match in _NUMBER.finditer(_readable(text)))
    return {value.numerator if value.denominator == 1 else value for value in found if value is not None}


def number(text: Any) -> Fraction | None:
    """The number of a text (rules above) or of a number; None if there is none."""
    if isinstance(text, bool):
        return None
    text = str(text)
    inside = marked(text)
    last: re.Match[str] | None = None
    for match in _NUMBER.finditer(_readable(text if inside is None else inside)):
        last = match
    return None if last is None else _value(last)


def same_number(answer: str, truth: Any, tolerance: float = 0.0) -> bool:
    """|answer − truth| ≤ tolerance, computed exactly. A text without a number equals nothing."""
    left, right = number(answer), number(truth)
    if left is None or right is None:
        return False
    return abs(left - right) <= Fraction(Decimal(str(tolerance)))
