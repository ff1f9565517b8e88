"""A reward that is not one: stages of a schedule, and rows that need different numbers of calls.

Each case is a reward of its own, with the weights of its steps and the number of calls of its rows. A property is asked
of each, and holds where it holds in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from toolspec.compiler.reward.reward import Reward, reward
from toolspec.compiler.reward.worth import Settings, exact

NEEDED = "needed_calls"


class Needs(NamedTuple):
    """How many calls rows need. rows: of how many rows the numbers are, 0 where none are at hand."""

    numbers: tuple[int, ...]
    rows: int = 0


class Case(NamedTuple):
    """reward: with the weights of the step `first`. last: the last step, None for the end of the run.

    until: with the weights of the step `last`, to which those of `first` move in straight lines; None where they stay.
    need: calls that its rows need, None where the reward does not ask.
    """

    reward: Reward
    first: int = 1
    last: int | None = None
    until: Reward | None = None
    need: int | None = None

    @property
    def steps(self) -> str:
        if self.last is None:
            return "" if self.first == 1 else f"from step {self.first} on"
        return f"step {self.first}" if self.first == self.last else f"steps {self.first} to {self.last}"

    @property
    def words(self) -> str:
        """`steps 1 to 199, rows that need 2 calls`; "" for a reward that is the same for all."""
        calls = (
            "" if self.need is None else f"rows that need {self.need or 'no'} call{'s' * (self.need != 1)}"
        )
        return ", ".join(filter(None, (self.steps, calls)))


def asks_rows(settings: Mapping[str, Any]) -> bool:
    """Whether a term of ts_reward.json's content reads how many calls a row needs."""
    return any(each["name"] == "extra_call" and each.get("free") == NEEDED for each in settings["terms"])


def cases(settings: Mapping[str, Any], needs: Needs) -> tuple[Case, ...]:
    """settings: ts_reward.json's content. needs: read where the reward asks the rows."""
    return tuple(
        _case(settings, first, last, need)
        for first, last in _stages(settings["terms"])
        for need in (needs.numbers if asks_rows(settings) else (None,))
    )


def _stages(terms: Sequence[Settings]) -> Iterator[tuple[int, int | None]]:
    """(first, last) step of each, the last without end."""
    starts = sorted({1, *(int(step) for each in terms for step, _ in each.get("schedule") or ())})
    yield from ((first, after - 1) for first, after in pairwise(starts))
    yield starts[-1], None


def _case(settings: Mapping[str, Any], first: int, last: int | None, need: int | None) -> Case:
    start = reward_at(settings, first, need)
    end = start if last is None else reward_at(settings, last, need)
    moving = [term.weight for term in start.terms] != [term.weight for term in end.terms]
    return Case(start, first, last, end if moving else None, need)


def reward_at(settings: Mapping[str, Any], step: int, need: int | None) -> Reward:
    """The reward of a step, for rows that need so many calls."""
    terms = [
        {**each, "weight": weight_at(each, step), **({"free": need} if each.get("free") == NEEDED else {})}
        for each in settings["terms"]
    ]
    return reward(terms, settings.get("overlong"), settings.get("clip"), need)


def weight_at(settings: Settings, step: int) -> Fraction:
    """ts_weigh.weight_at, exactly."""
    points = [(0, exact(settings["weight"]))]
    points += [(int(at), exact(weight)) for at, weight in settings.get("schedule") or ()]
    before, weight = max(point for point in points if point[0] <= step)
    after = min((point for point in points if point[0] > step), default=None)
    if after is None or settings.get("between", "hold") in (None, "hold"):
        return weight
    return weight + (after[1] - weight) * Fraction(step - before, after[0] - before)
