"""A reward as the analysis sees it: terms with exact weights, caps and gates, and their sum."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from toolspec.compiler.reward.vector import PARTLY, Answer, Vector
from toolspec.compiler.reward.worth import NOTHING, ZERO, Settings, Value, Worth, exact, worth


class Term(NamedTuple):
    """weight × units + fixed, held at `cap`: from above where the cap is above 0, from below where it is below.

    gated: paid with a right answer only.
    """

    name: str
    weight: Fraction
    worth: Worth
    cap: Fraction | None = None
    gated: bool = False

    def value(self, one: Vector) -> Value:
        """Before weight and cap; nothing where the gate is shut."""
        return NOTHING if self.gated and one.answer != "right" else self.worth.value(one)

    def pays(self, value: Value) -> Fraction:
        return capped(self.weight * value.units + value.fixed, self.cap)

    def drift(self, answer: Answer) -> int:
        """On which side of `pays` the pay of a partly right answer lies: 1 above, -1 below, 0 on it."""
        if not self.worth.partial or answer not in PARTLY or not self.weight or self.gated:
            return 0
        held = self.cap is not None and self.cap * self.weight > 0 and abs(self.weight) > abs(self.cap)
        if answer == "almost" and held:
            return 0
        return (1 if self.weight > 0 else -1) * (1 if answer == "barely" else -1)


def capped(amount: Fraction, cap: Fraction | None) -> Fraction:
    if cap is None:
        return amount
    return min(amount, cap) if cap > 0 else max(amount, cap)


class Reward(NamedTuple):
    """need: valid calls that a solution may take before it counts as padded. has_pattern: `format` asks for a form.

    clip: the least and the most that a trajectory is paid. by_calls: the right answer is the calls of the row.
    """

    terms: tuple[Term, ...]
    need: int = 1
    has_pattern: bool = False
    clip: tuple[Fraction, Fraction] | None = None
    by_calls: bool = False

    @property
    def partial(self) -> bool:
        """Whether an answer may be partly right."""
        return any(each.worth.partial for each in self.terms)

    @property
    def by_last_turn(self) -> bool:
        """Whether a term reads that the turns ran out."""
        return any(each.worth.by_last_turn for each in self.terms)

    def sum(self, one: Vector) -> Fraction:
        """The score before it is clipped."""
        return sum((each.pays(each.value(one)) for each in self.terms), ZERO)

    def clipped(self, total: Fraction) -> Fraction:
        return total if self.clip is None else min(max(total, self.clip[0]), self.clip[1])

    def with_credit(self, one: Vector, credit: Fraction) -> Fraction:
        """The score of a partly right answer that is worth so much."""
        pays = (
            each.pays(Value(credit) if each.worth.partial and not each.gated else each.value(one))
            for each in self.terms
        )
        return self.clipped(sum(pays, ZERO))

    def reached(self, one: Vector) -> bool:
        """Whether a partly right answer is paid the score that it comes near to."""
        if one.answer not in PARTLY:
            return True
        total = self.sum(one)
        if self.clip is not None and not self.clip[0] <= total <= self.clip[1]:
            return True
        return all(each.drift(one.answer) == 0 for each in self.terms)

    def score(self, one: Vector) -> Fraction:
        """The exact score of a vector; free terms count 0. Of a partly right answer what its pay comes near to."""
        return self.clipped(self.sum(one))

    def term(self, name: str) -> Term:
        return next(each for each in self.terms if each.name == name)

    @property
    def assumed(self) -> tuple[str, ...]:
        return tuple(each.worth.assumed for each in self.terms if each.worth.assumed)


def term(settings: Settings) -> Term:
    """The term of one entry of ts_reward.json's `terms`; of equal entries the same."""
    return _term(json.dumps({**settings, "weight": str(exact(settings["weight"]))}, default=str))


@lru_cache(maxsize=256)
def _term(text: str) -> Term:
    settings = json.loads(text)
    cap = settings.get("cap")
    return Term(
        str(settings["name"]),
        exact(settings["weight"]),
        worth(settings),
        None if cap is None else exact(cap),
        settings.get("only_if") == "correct",
    )


def reward(
    settings: Sequence[Settings],
    overlong: Settings | None = None,
    clip: Sequence[float] | None = None,
    need: int | None = None,
) -> Reward:
    """The reward of ts_reward.json: its `terms`, and its `overlong` where it has one.

    need: how many calls the row needs, where `extra_call` asks the row.
    """
    terms = [term(each) for each in settings]
    if overlong:
        terms.append(term({"name": "overlong", "weight": 1, **overlong}))
    if need is None:
        free = [each.get("free", 1) for each in settings if each["name"] == "extra_call"]
        need = max([1, *(each for each in free if isinstance(each, int))])
    pattern = any(each["name"] == "format" and each.get("pattern") for each in settings)
    calls = any(each["name"] == "correct" and each.get("match") == "calls" for each in settings)
    held = (exact(clip[0]), exact(clip[1])) if clip else None
    return Reward(tuple(terms), need, pattern, held, calls)


def correct_of(terms: Sequence[Settings]) -> Settings:
    """The term `correct` of those of ts_reward.json; empty where there is none."""
    return next((each for each in terms if each["name"] == "correct" and not each.get("own")), {})
