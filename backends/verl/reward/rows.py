"""The rows of a spec as far as its reward is concerned: those at hand, and how many calls they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolspec.compiler.reward.cases import NEEDED, Needs

if TYPE_CHECKING:
    from toolspec.backends.verl.lint.view import View

MOST_ROWS = 2_000
"""Rows from the beginning of the data."""


def rows_of(view: View) -> tuple[Sequence[Mapping[str, Any]], str]:
    """(the first training rows, why there are none as a clause)."""
    from toolspec.backends.verl.lint.not_known import NotKnownError

    try:
        return view.facts.rows("train").sample[:MOST_ROWS], ""
    except NotKnownError as error:
        return (), str(error)


def needs_of(rows: Sequence[Mapping[str, Any]]) -> Needs | None:
    """How many calls the rows need; None where no row says it."""
    numbers = set()
    for row in rows:
        info = row.get("extra_info")
        told = info.get(NEEDED) if isinstance(info, Mapping) else None
        if isinstance(told, int | float) and not isinstance(told, bool) and told >= 0 and told == int(told):
            numbers.add(int(told))
    return Needs(tuple(sorted(numbers)), len(rows)) if numbers else None
