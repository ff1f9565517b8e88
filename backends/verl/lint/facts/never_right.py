"""Rows of a spec whose accepted answer the matcher of the reward takes for right in none of the forms that are tried.

Asked of the bundle's own comparison. It is imported here, in this process: it is no code of the user's, and patterns,
which are, are not asked.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.emit.modules import RUNTIME
from toolspec.backends.verl.lint.facts.rows import rows_at_hand
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.reward.guesses import forms

ASKED = ("number", "choice", "json", "qa_em", "qa_f1")
"""Matches that do not take every text for itself, and run no pattern."""
ANSWER = "reward_model.ground_truth"
MOST_ROWS = 2_000


class NeverRight(NamedTuple):
    """Of a split: how many rows, of how many that were looked at. first: number of the first, from 1 on; its answer."""

    split: str
    match: str
    number: int
    looked_at: int
    first: int
    answer: Any


def never_right(view: View) -> Iterator[NeverRight]:
    """Splits that have such rows. Raises NotKnownError, behind those that can be read, where rows are not at hand."""
    term = _correct(view)
    if term is None or term.get("match") not in ASKED or term.get("pattern"):
        return
    compare = _comparison(term)
    for split, rows in rows_at_hand(view):
        sample = list(rows.values(ANSWER))[:MOST_ROWS]
        lost = [number for number, answer in enumerate(sample, 1) if not _can_be_right(term, compare, answer)]
        if lost:
            yield NeverRight(split, str(term["match"]), len(lost), len(sample), lost[0], sample[lost[0] - 1])


def _correct(view: View) -> Mapping[str, Any] | None:
    """The term as ts_reward.json has it; None for runs that are no specs, and rewards without it."""
    if view.run.spec is None:
        return None
    from toolspec.backends.verl.reward.subject import subject_of

    terms = subject_of(view.run.spec).settings.get("terms") or ()
    return next((each for each in terms if each["name"] == "correct" and not each.get("own")), None)


def _comparison(term: Mapping[str, Any]) -> Callable[[str, Any], float]:
    if str(RUNTIME) not in sys.path:
        sys.path.append(str(RUNTIME))
    found: Callable[[str, Any], float] = importlib.import_module("ts_compare").comparison(term)
    return found


def _can_be_right(term: Mapping[str, Any], compare: Callable[[str, Any], float], answer: Any) -> bool:
    accepted: Sequence[Any] = answer if isinstance(answer, list | tuple) else (answer,)
    return any(
        compare(form, each) >= 1 for each in accepted if each is not None for form in forms(term, _text(each))
    )


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False, default=str)
