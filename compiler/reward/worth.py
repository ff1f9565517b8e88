"""What each term is worth on a vector: a table from a term's name and settings to an exact value.

The names and settings are those of ts_reward.json. A term that is not in the table can have any value (`bounds` None),
so properties that hang on it are unknown. tests/unit/test_reward_runtime.py holds the table against the runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from toolspec.compiler.reward.vector import Vector

Settings = Mapping[str, Any]
Value = Callable[[Vector], Fraction]

# What a term may read together: the search goes through one group at a time. `bad` is the sum of three kinds.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "flags": ("answer", "formed", "truncated", "forged", "used"),
    "calls": ("valid", "bad"),
    "turns": ("turns",),
    "repeated": ("repeated",),
    "kinds": ("unknown", "schema", "unparsed"),
    "tokens": ("tokens",),
    "free": (),
}


class Worth(NamedTuple):
    """A term's value before its weight. group: a key of GROUPS; every group may be read together with `answer`.

    bounds: of a value that no count decides, None where nothing is known. lengths: response lengths at which the value
    turns, for the group `tokens`. assumed: what is taken for granted, to be shown.
    """

    group: str
    value: Value
    bounds: tuple[Fraction, Fraction] | None = None
    lengths: tuple[int, ...] = ()
    assumed: str = ""


ZERO, ONE = Fraction(0), Fraction(1)


def exact(number: float) -> Fraction:
    """The number as it is written: 0.1 is a tenth. Raises ValueError for infinities and NaN."""
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def correct(settings: Settings) -> Worth:
    match = settings.get("match", "exact")
    wrong = exact(settings.get("wrong") or 0)
    told = ""
    if match in ("verl", "python"):
        told = f"`correct` by `match: {match}` is taken to be 1 for a right answer and {wrong} otherwise"
    return Worth("flags", lambda one: ONE if one.answer == "right" else wrong, assumed=told)


def valid_call(settings: Settings) -> Worth:
    match settings.get("per", "once"):
        case "call":
            return Worth("calls", lambda one: Fraction(one.valid))
        case "share":
            return Worth("calls", lambda one: Fraction(one.valid, one.calls) if one.calls else ZERO)
        case _:
            return Worth("calls", lambda one: ONE if one.valid else ZERO)


def extra_call(settings: Settings) -> Worth:
    free = int(settings.get("free", 1))
    return Worth("calls", lambda one: Fraction(max(0, one.valid - free)))


def bad_call(settings: Settings) -> Worth:
    return Worth("calls", lambda one: Fraction(one.bad))


def format_(settings: Settings) -> Worth:
    return Worth("flags", lambda one: ONE if one.formed and not one.truncated else ZERO)


def overlong(settings: Settings) -> Worth:
    """ts_overlong: 0 up to length − buffer tokens, then in a straight line to −penalty at `length`."""
    length, buffer, penalty = int(settings["length"]), int(settings["buffer"]), exact(settings["penalty"])
    start = length - buffer

    def value(one: Vector) -> Fraction:
        return -penalty * min(max(one.tokens - start, 0), buffer) / buffer

    return Worth("tokens", value, lengths=(0, max(0, start), length))


TABLE: Mapping[str, Callable[[Settings], Worth]] = {
    "correct": correct,
    "valid_call": valid_call,
    "extra_call": extra_call,
    "bad_call": bad_call,
    "format": format_,
    "overlong": overlong,
}


class Term(NamedTuple):
    """weight × value, at most `cap` away from 0, and 0 where the gate is shut. gated: paid with a right answer only."""

    name: str
    weight: Fraction
    worth: Worth
    cap: Fraction | None = None
    gated: bool = False

    def value(self, one: Vector) -> Fraction:
        """Before weight and cap, 0 where the gate is shut."""
        return ZERO if self.gated and one.answer != "right" else self.worth.value(one)

    def pays(self, value: Fraction) -> Fraction:
        return capped(self.weight * value, self.cap)


def capped(pay: Fraction, cap: Fraction | None) -> Fraction:
    return pay if cap is None else max(-cap, min(cap, pay))


def term(settings: Settings) -> Term:
    """The term of one entry of ts_reward.json's `terms`."""
    name = str(settings["name"])
    make = TABLE.get(name)
    worth = make(settings) if make else Worth("free", lambda _: ZERO)
    cap = settings.get("cap")
    return Term(
        name,
        exact(settings["weight"]),
        worth,
        None if cap is None else abs(exact(cap)),
        settings.get("only_if") == "correct",
    )


class Reward(NamedTuple):
    """The whole: a sum of terms. need: valid calls that a solution may take before it counts as padded."""

    terms: tuple[Term, ...]
    need: int = 1
    has_pattern: bool = False

    def score(self, one: Vector) -> Fraction:
        """The exact score of a vector; free terms count 0."""
        return sum((each.pays(each.value(one)) for each in self.terms), ZERO)

    def without(self, name: str) -> Reward:
        return self._replace(terms=tuple(each for each in self.terms if each.name != name))

    def term(self, name: str) -> Term:
        return next(each for each in self.terms if each.name == name)


def reward(settings: Sequence[Settings], late: Settings | None = None) -> Reward:
    """The reward of ts_reward.json: its `terms`, and its `overlong` where it has one."""
    terms = [term(each) for each in settings]
    if late:
        terms.append(term({"name": "overlong", "weight": 1, **late}))
    free = [int(each.get("free", 1)) for each in settings if each["name"] == "extra_call"]
    pattern = any(each["name"] == "format" and each.get("pattern") for each in settings)
    return Reward(tuple(terms), max([1, *free]), pattern)
