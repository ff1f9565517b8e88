"""The rows of a spec as far as its reward is concerned: those at hand, and how many calls they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolspec.backends.verl.rows.at_hand import laid_out
from toolspec.compiler.reward.cases import NEEDED, Needs

if TYPE_CHECKING:
    from toolspec.backends.verl.compile import Compiled

MOST_ROWS = 2_000
"""Rows from the beginning of the data."""


Rows = tuple[Sequence[Mapping[str, Any]], str]
"""(the first training rows as verl's reward gets them, why there are none as a clause)."""


def rows_of(compiled: Compiled) -> Rows:
    from toolspec.backends.verl.lint.not_known import NotKnownError
    from toolspec.backends.verl.lint.spec_run import run_of
    from toolspec.backends.verl.lint.view import View
    from toolspec.backends.verl.releases import release
    from toolspec.backends.verl.written.files import Files
    from toolspec.specs.problem import ProblemError

    try:
        if compiled.facts.data.reasons and compiled.facts.data.train:
            return laid_out(compiled, "train", MOST_ROWS), ""
        view = View(run_of(compiled), release(compiled.plan.target), Files())
        return view.facts.rows("train").sample[:MOST_ROWS], ""
    except NotKnownError as error:
        return (), f"this needs {error.needs}"
    except ProblemError as error:
        return (), error.problems[0].message


def needs_of(rows: Sequence[Mapping[str, Any]]) -> Needs | None:
    """How many calls the rows need; None where no row says it."""
    numbers = set()
    for row in rows:
        info = row.get("extra_info")
        told = info.get(NEEDED) if isinstance(info, Mapping) else None
        if isinstance(told, int | float) and not isinstance(told, bool) and told >= 0 and told == int(told):
            numbers.add(int(told))
    return Needs(tuple(sorted(numbers)), len(rows)) if numbers else None
