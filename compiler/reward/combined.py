"""One verdict for a reward of several cases, and what each case says by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from toolspec.compiler.reward.properties import PROPERTIES
from toolspec.compiler.reward.throughout import Stage
from toolspec.compiler.reward.verdict import Outcome, Verdict
from toolspec.compiler.reward.written import written


class Part(NamedTuple):
    """What a case says: the outcome by the name of the property."""

    words: str
    outcomes: dict[str, Outcome]


def verdicts_of(stages: Sequence[Stage], guessed: bool) -> tuple[tuple[Verdict, ...], tuple[Part, ...]]:
    """guessed: whether the cases are of rows that may not be there: what only some of them break is open then."""
    found = [[written(stage, stage.verdict(asked)) for stage in stages] for asked in PROPERTIES]
    whole = tuple(combined(each, stages, guessed) for each in found)
    if len(stages) == 1:
        return whole, ()
    parts = [
        Part(stage.case.words, {each[place].asked.name: each[place].outcome for each in found})
        for place, stage in enumerate(stages)
    ]
    return whole, tuple(parts)


def combined(found: Sequence[Verdict], stages: Sequence[Stage], guessed: bool) -> Verdict:
    """The first that is refuted, else unknown, else the narrowest of those that hold."""
    refuted = [place for place, each in enumerate(found) if each.outcome == "refuted"]
    if refuted:
        first = found[refuted[0]]
        cases = [each for each in found if each.outcome != "no-case"]
        if len(refuted) == len(cases):
            return first
        where = "; ".join(stages[place].case.words for place in refuted[:MOST_NAMED])
        more = f" and {len(refuted) - MOST_NAMED} more" if len(refuted) > MOST_NAMED else ""
        if guessed and len({stages[place].case.need for place in refuted}) < len(
            {stage.case.need for stage, each in zip(stages, found, strict=True) if each.outcome != "no-case"}
        ):
            why = f"it is broken for {where}{more}, and the rows are not at hand"
            return first._replace(outcome="unknown", why=why)
        return first._replace(why=f"{where}{more}")
    for outcome in ("unknown", "proved"):
        those = [each for each in found if each.outcome == outcome]
        held = [each for each in those if each.margin is not None]
        if those:
            return min(held, key=lambda each: each.margin or 0) if len(held) == len(those) else those[0]
    return found[0]


MOST_NAMED = 3
