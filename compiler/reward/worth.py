"""What each term is worth on a vector: a table from a term's name and settings to an exact value.

Names and settings are those of ts_reward.json. A term that is not in the table can be worth anything, so what hangs on
it is unknown. tests/unit/test_reward_runtime.py holds the table against the runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from toolspec.compiler.reward.vector import Vector

Settings = Mapping[str, Any]

# What a term may read together, beside the answer: the search goes through one group at a time.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "flags": ("formed", "truncated", "forged", "used", "out_of_turns"),
    "calls": ("valid", "bad"),
    "turns": ("turns",),
    "repeated": ("repeated",),
    "kinds": ("unknown", "schema", "unparsed"),
    "errors": ("errors",),
    "tokens": ("tokens",),
    "free": (),
}
ZERO, ONE = Fraction(0), Fraction(1)


class Value(NamedTuple):
    """units: times the weight. fixed: added as it is."""

    units: Fraction
    fixed: Fraction = ZERO


NOTHING = Value(ZERO)


class Worth(NamedTuple):
    """A term's value before its weight. group: a key of GROUPS, what `value` may read of a vector.

    bounds: of the units of a `free` term, which no count decides; None where nothing is known of them.
    lengths: of the response, in tokens, between which the value of a `tokens` term rises or falls throughout.
    partial: an answer may be worth any number between 0 and 1. assumed: what is taken for granted, to be shown.
    by_last_turn: it reads whether the turns ran out.
    """

    group: str
    value: Callable[[Vector], Value]
    bounds: tuple[Fraction, Fraction] | None = None
    lengths: tuple[int, ...] = ()
    assumed: str = ""
    partial: bool = False
    by_last_turn: bool = False


def exact(number: float | str | Fraction) -> Fraction:
    """The number as it is written: 0.1 is a tenth. Raises ValueError for infinities and NaN."""
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def counted(group: str, count: Callable[[Vector], int | bool | Fraction], assumed: str = "") -> Worth:
    return Worth(group, lambda one: Value(Fraction(count(one))), assumed=assumed)


PARTIAL: Mapping[str, str] = {
    "qa_f1": "",
    "verl": "the scorer of verl's that `correct` asks gives a number from 0 to 1, and 1 for a right answer alone",
    "python": "the function that `correct` asks gives a number from 0 to 1, and 1 for a right answer alone",
}
"""Matches that give partial credit, and what is taken for granted of their numbers."""


def correct(settings: Settings) -> Worth:
    """Partial credit is looked at where it is as near to 1, and to 0, as one likes; `wrong` is paid for none at all."""
    match = str(settings.get("match", "exact"))
    wrong = settings.get("wrong")
    otherwise = Value(ZERO, exact(wrong)) if wrong is not None else NOTHING
    values: Mapping[str, Value] = {"right": Value(ONE), "almost": Value(ONE), "barely": NOTHING}
    told = PARTIAL.get(match, "")
    if match == "calls":
        told = "a trajectory that makes the row's calls ends with an answer"
    return Worth(
        "flags", lambda one: values.get(one.answer, otherwise), assumed=told, partial=match in PARTIAL
    )


def valid_call(settings: Settings) -> Worth:
    match settings.get("per", "once"):
        case "call":
            return counted("calls", lambda one: one.valid)
        case "share":
            return counted("calls", lambda one: Fraction(one.valid, max(1, one.calls)))
        case _:
            return counted("calls", lambda one: one.valid > 0)


def extra_call(settings: Settings) -> Worth:
    """Of rows with their own `needed_calls` each number is a case of its own (cases.py), with a number here."""
    free = int(settings.get("free", 1))
    return counted("calls", lambda one: max(0, one.valid - free))


KINDS: Mapping[str, str] = {"unknown_tool": "unknown", "schema": "schema", "malformed": "unparsed"}


def bad_call(settings: Settings) -> Worth:
    own = {field: exact(settings[kind]) for kind, field in KINDS.items() if settings.get(kind) is not None}
    if not own:
        return counted("calls", lambda one: one.bad)

    def value(one: Vector) -> Value:
        units = sum(getattr(one, field) for field in KINDS.values() if field not in own)
        return Value(Fraction(units), sum((own[field] * getattr(one, field) for field in own), ZERO))

    return Worth("kinds", value)


def format_(settings: Settings) -> Worth:
    return counted("flags", lambda one: one.formed and not one.truncated)


def overlong(settings: Settings) -> Worth:
    """ts_overlong: 0 up to length − buffer tokens, then in a straight line to −penalty at `length`."""
    length, buffer, penalty = int(settings["length"]), int(settings["buffer"]), exact(settings["penalty"])
    start = length - buffer
    return Worth(
        "tokens",
        lambda one: Value(-penalty * min(max(one.tokens - start, 0), buffer) / buffer),
        lengths=(max(0, start), length),
    )


def length(settings: Settings) -> Worth:
    end = int(settings["end"])
    start = (
        end - int(settings["buffer"])
        if settings.get("shape") == "overlong"
        else int(settings.get("start") or 0)
    )

    def value(one: Vector) -> Value:
        way = Fraction(min(max(one.tokens - start, 0), end - start), end - start)
        if settings.get("shape") == "cosine" and 0 < way < 1:
            import math

            way = Fraction((1 - math.cos(math.pi * float(way))) / 2)
        return Value(way)

    return Worth("tokens", value, lengths=(start, end))


def turns(settings: Settings) -> Worth:
    free = int(settings.get("free", 1))
    return counted("turns", lambda one: max(0, one.turns - free))


def truncated(settings: Settings) -> Worth:
    """With `turns` a last turn without an answer counts too, whatever it says (Trajectory.out_of_turns)."""
    if not settings.get("turns"):
        return counted("flags", lambda one: one.truncated)
    return counted("flags", lambda one: one.truncated or one.out_of_turns)._replace(by_last_turn=True)


TABLE: Mapping[str, Callable[[Settings], Worth]] = {
    "correct": correct,
    "valid_call": valid_call,
    "extra_call": extra_call,
    "bad_call": bad_call,
    "format": format_,
    "repeat_call": lambda _: counted("repeated", lambda one: one.repeated),
    "tool_error": lambda _: counted("errors", lambda one: one.errors),
    "used_result": lambda _: counted("flags", lambda one: one.used),
    "length": length,
    "turns": turns,
    "truncated": truncated,
    "forged_result": lambda _: counted(
        "flags", lambda one: one.forged, "a forged tool response is written once"
    ),
    "overlong": overlong,
}


def worth(settings: Settings) -> Worth:
    """Of one entry of ts_reward.json's `terms`. A term of the user's is free within its `range`, where it has one."""
    make = None if settings.get("own") else TABLE.get(str(settings["name"]))
    if make is not None:
        return make(settings)
    told = settings.get("range")
    bounds = (exact(told[0]), exact(told[1])) if isinstance(told, list | tuple) and len(told) == 2 else None
    return Worth("free", lambda _: NOTHING, bounds)
