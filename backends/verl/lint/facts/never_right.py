"""Rows of a spec whose accepted answer the matcher of the reward takes for right in none of the forms that are tried.

Asked of the bundle's own comparison, and of its check of arguments where the answer is calls. They are imported here,
in this process: they are no code of the user's, and patterns, which are, are not asked.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from toolspec.backends.verl.emit.modules import RUNTIME
from toolspec.backends.verl.lint.facts.rows import Rows, rows_at_hand
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.rehearsal.row_answers import listed_calls
from toolspec.backends.verl.reward.answers import text_of
from toolspec.backends.verl.reward.guesses import forms
from toolspec.compiler.reward.reward import correct_of
from toolspec.specs.nearest import nearest

ASKED = ("number", "choice", "json", "qa_em", "qa_f1")
"""Matches that do not take every text for itself, and run no pattern."""
ANSWER = "reward_model.ground_truth"
MOST_ROWS = 2_000
PAY = frozenset({"weight", "cap", "schedule"})
"""Settings of the term that say what an answer is paid, and not which one is right."""


class NeverRight(NamedTuple):
    """Of a split: how many rows, of how many that were looked at. first: number of the first, from 1 on; its answer.

    why: what is wrong with that answer, "" where it is only that no form of it is taken for right.
    """

    split: str
    match: str
    number: int
    looked_at: int
    first: int
    answer: Any
    why: str = ""


def never_right(view: View) -> Iterator[NeverRight]:
    """Splits that have such rows. Raises NotKnownError, behind those that can be read, where rows are not at hand."""
    term = _correct(view)
    fault = _fault(view, term)
    if fault is None:
        return
    for split, rows in rows_at_hand(view):
        what = f"never right {split} {_asked(view, term)}"
        found = rows.once(what, partial(_first, rows, split, term, fault))
        if found is not None:
            yield found


def _first(
    rows: Rows, split: str, term: Mapping[str, Any], fault: Callable[[Any], str | None]
) -> NeverRight | None:
    sample = list(rows.values(ANSWER))[:MOST_ROWS]
    lost = [(number, why) for number, answer in enumerate(sample, 1) if (why := fault(answer)) is not None]
    if not lost:
        return None
    first, why = lost[0]
    return NeverRight(split, str(term["match"]), len(lost), len(sample), first, sample[first - 1], why)


def _asked(view: View, term: Mapping[str, Any]) -> str:
    """What decides which answers can be right: how they are compared, and the schemas of calls."""
    compared = {key: value for key, value in term.items() if key not in PAY}
    spec = view.run.spec
    schemas = {} if spec is None or term.get("match") != "calls" else spec.facts.tools
    return json.dumps(
        [compared, {name: tool.schema for name, tool in schemas.items()}], sort_keys=True, default=str
    )


def _fault(view: View, term: Mapping[str, Any]) -> Callable[[Any], str | None] | None:
    """From an accepted answer to what is wrong with it, None for nothing; None for a match that is not asked."""
    if term.get("match") == "calls":
        return _of_calls(view)
    if term.get("match") not in ASKED or term.get("pattern"):
        return None
    compare = _runtime("ts_compare").comparison(term)
    return lambda answer: None if _can_be_right(term, compare, answer) else ""


def _of_calls(view: View) -> Callable[[Any], str | None]:
    """Of calls that are the answer, which are right only if each is valid."""
    assert view.run.spec is not None
    check = _runtime("ts_arguments").argument_check
    checks = {name: check(tool.schema) for name, tool in view.run.spec.facts.tools.items()}

    def fault(answer: Any) -> str | None:
        calls = listed_calls(answer)
        if calls is None:
            return "it is no list of calls, [{name, arguments}]"
        for name, arguments in calls:
            if name not in checks:
                close = nearest(name, tuple(checks))
                meant = (
                    f": did you mean `{close[0]}`?"
                    if close
                    else f"; the tools are {', '.join(checks) or 'none'}"
                )
                return f"there is no tool `{name}`{meant}"
            wrong = checks[name](arguments)
            if wrong is not None:
                return f"the call of `{name}` breaks its schema: {wrong}"
        return None

    return fault


def _correct(view: View) -> Mapping[str, Any]:
    """The term as ts_reward.json has it; empty for runs that are no specs, and rewards without it."""
    if view.run.spec is None:
        return {}
    from toolspec.backends.verl.reward.subject import subject_of

    return correct_of(subject_of(view.run.spec).settings.get("terms") or ())


def _runtime(name: str) -> Any:
    if str(RUNTIME) not in sys.path:
        sys.path.append(str(RUNTIME))
    return importlib.import_module(name)


def _can_be_right(term: Mapping[str, Any], compare: Callable[[str, Any], float], answer: Any) -> bool:
    accepted: Sequence[Any] = answer if isinstance(answer, list | tuple) else (answer,)
    return any(
        compare(form, each) >= 1
        for each in accepted
        if each is not None
        for form in forms(term, text_of(each))
    )
