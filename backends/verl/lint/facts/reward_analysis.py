"""What the reward of a spec pays for, as far as lint looks: over short trajectories, which settle nearly all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from toolspec.backends.verl.lint.rule import Found
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.reward.analysis import Analysis, analyse
from toolspec.compiler.reward.cases import Needs, asks_rows
from toolspec.compiler.reward.properties import Severity
from toolspec.compiler.reward.vector import Budget
from toolspec.compiler.reward.verdict import Verdict
from toolspec.compiler.reward.words import described, plain, summed

MOST_CALLS = 8
"""Calls of a trajectory. What is broken by short ones is broken; `toolspec reward` looks at the whole budget."""


def broken(view: View, severity: Severity) -> Iterator[Found]:
    """A finding for each broken property of a severity, of a spec whose reward is made of terms."""
    if view.run.spec is None:
        return
    from toolspec.backends.verl.reward.rows import needs_of, rows_of
    from toolspec.backends.verl.reward.subject import subject_of

    subject = subject_of(view.run.spec)
    if "terms" not in subject.settings:
        return
    text = json.dumps(
        [subject.settings["terms"], subject.settings.get("overlong"), subject.settings.get("clip")]
    )
    needs = needs_of(rows_of(view.run.spec)[0]) if asks_rows(subject.settings) else None
    whole = subject.budget
    parallel = min(whole.parallel, MOST_CALLS)
    turns = min(whole.turns, max(2, MOST_CALLS // max(1, parallel)))
    short = whole._replace(turns=turns, parallel=parallel, limit=whole.turns)
    for told in _told(text, short, needs, severity, short == whole._replace(limit=whole.turns)):
        yield Found(
            told.message,
            ("reward.reward_manager.name",),
            fix=f"{told.path}.{told.change}" if told.change else "see `toolspec reward`",
            why="every curve goes up while the policy learns what pays, and not the task"
            if severity == "error"
            else "a policy that learns what is paid learns the wrong one of the two",
            span=view.run.spec.place(told.path) or view.run.spec.place("reward"),
        )


class _Told(NamedTuple):
    """A broken property in words. path: of the spec. change: what mends it there, "" for nothing."""

    message: str
    path: str
    change: str


# Points of a sweep have few different rewards, in any order; the words of one are some hundred bytes.
@lru_cache(maxsize=16_384)
def _told(
    text: str, short: Budget, needs: Needs | None, severity: Severity, whole: bool
) -> tuple[_Told, ...]:
    """whole: the budget is that of the spec, so that repairs hold for it."""
    # Repairs cost where something is broken alone.
    analysis = _analysed(text, short, needs, numbers=whole)
    return tuple(
        _words(analysis, verdict) for verdict in analysis.broken(severity) if verdict.shown is not None
    )


def _words(analysis: Analysis, verdict: Verdict) -> _Told:
    pair = verdict.shown
    assert pair is not None
    better = summed(analysis.reward_of(verdict), pair.better, pair.better_score)
    worse = summed(analysis.reward_of(verdict), pair.worse, pair.worse_score)
    tie = "as much as" if pair.better_score == pair.worse_score else "less than"
    repair = analysis.repair(verdict)
    where = f" ({verdict.case.words})" if verdict.case is not None and verdict.case.words else ""
    return _Told(
        f"{verdict.asked.broken}: {described(pair.better)} is paid {better}, "
        f"{tie} {described(pair.worse)}, {worse}{where}",
        f"reward.{repair.name}" if repair and repair.name != "overlong" else "reward",
        f"{repair.what}: {plain(repair.value)}" if repair else "",
    )


@lru_cache(maxsize=64)
def _analysed(text: str, budget: Budget, needs: Needs | None, numbers: bool) -> Analysis:
    """numbers: repairs too, which take some times as long as the verdicts."""
    terms, overlong, clip = json.loads(text)
    settings: dict[str, Any] = {"terms": terms, "overlong": overlong, "clip": clip}
    return analyse(settings, budget, numbers, needs, spanned=False)
