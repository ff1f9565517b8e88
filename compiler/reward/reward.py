"""A reward as the analysis sees it: terms with exact weights, caps and gates, and their sum."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from toolspec.compiler.reward.vector import Vector
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


def capped(amount: Fraction, cap: Fraction | None) -> Fraction:
    if cap is None:
        return amount
    return min(amount, cap) if cap > 0 else max(amount, cap)


class Reward(NamedTuple):
    """need: valid calls that a solution may take before it counts as padded. has_pattern: `format` asks for a form.

    clip: the least and the most that a trajectory is paid.
    """

    terms: tuple[Term, ...]
    need: int = 1
    has_pattern: bool = False
    clip: tuple[Fraction, Fraction] | None = None

    def score(self, one: Vector) -> Fraction:
        """The exact score of a vector; free terms count 0."""
        total = sum((each.pays(each.value(one)) for each in self.terms), ZERO)
        return total if self.clip is None else min(max(total, self.clip[0]), self.clip[1])

    def term(self, name: str) -> Term:
        return next(each for each in self.terms if each.name == name)

    @property
    def assumed(self) -> tuple[str, ...]:
        return tuple(each.worth.assumed for each in self.terms if each.worth.assumed)


def term(settings: Settings) -> Term:
    """The term of one entry of ts_reward.json's `terms`."""
    cap = settings.get("cap")
    return Term(
        str(settings["name"]),
        exact(settings["weight"]),
        worth(settings),
        None if cap is None else exact(cap),
        settings.get("only_if") == "correct",
    )


def reward(
    settings: Sequence[Settings], overlong: Settings | None = None, clip: Sequence[float] | None = None
) -> Reward:
    """The reward of ts_reward.json: its `terms`, and its `overlong` where it has one."""
    terms = [term(each) for each in settings]
    if overlong:
        terms.append(term({"name": "overlong", "weight": 1, **overlong}))
    free = [each.get("free", 1) for each in settings if each["name"] == "extra_call"]
    pattern = any(each["name"] == "format" and each.get("pattern") for each in settings)
    need = max([1, *(each for each in free if isinstance(each, int))])
    return Reward(tuple(terms), need, pattern, (exact(clip[0]), exact(clip[1])) if clip else None)
