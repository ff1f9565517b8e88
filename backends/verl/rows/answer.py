"""The right answer of a row as text: verl's scorers compare text (utils/reward_score/*.py, all releases)."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from toolspec.backends.verl.rows.prompt import Unusable
from toolspec.backends.verl.rows.shape import is_unicode, word

EXACT = 2**53
"""Up to here a double holds every whole number."""


def answer(value: Any, column: str) -> str | list[str]:
    """`reward_model.ground_truth`: text, or the list of accepted texts. Raises Unusable.

    Text stays as it is. A number is its shortest text: a whole one without a point (42.0 → "42": pandas makes
    42.0 of 42 where another row of the column is empty), any other by the fewest digits that read back as the
    same number (0.1, 1e-07). Whole numbers beyond 2**53 that were written with a point or exponent are of the
    latter kind (1e+300).
    """
    if isinstance(value, list):
        if not value:
            raise Unusable(f"`{column}` is a list of no answers", "leave the row out, or fill it in")
        return [_text(part, f"{column}[{number}]") for number, part in enumerate(value)]
    return _text(value, column)


def _text(value: Any, path: str) -> str:
    if isinstance(value, str):
        if not value.strip():
            raise Unusable(f"`{path}` is empty", "leave the row out, or fill it in")
        if not is_unicode(value):
            raise Unusable(
                f"`{path}` holds half of a surrogate pair, which is no character", "repair the text"
            )
        return value
    if isinstance(value, bool):
        why = "a policy writes yes, true or True, and a comparison of texts tells them apart"
        raise Unusable(
            f"`{path}` is {str(value).lower()}", 'write the answer as text, "yes" for example', why
        )
    if isinstance(value, int | float | Decimal):
        return number_text(value, path)
    as_text = ", a mapping as JSON text" if isinstance(value, dict | list | tuple) else ""
    raise Unusable(f"`{path}` is {word(value)}", f"an answer is text, a number, or a list of them{as_text}")


def number_text(value: int | float | Decimal, path: str) -> str:
    """The shortest text of a number, see `answer`. Raises Unusable for NaN and infinities."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise Unusable(f"`{path}` is {value}", "leave the row out, or fill it in")
    if isinstance(value, Decimal):
        text = format(value, "f")
        return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
    return str(int(value)) if value.is_integer() and abs(value) <= EXACT else repr(value)
