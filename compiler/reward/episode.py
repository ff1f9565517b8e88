"""A concrete trajectory for a vector: which calls stand in which turn, and what tools answer. Without words.

What a reward counts is the call that a parser reads; how it is written is a matter of the run's format
(backends/verl/reward/writing.py).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from toolspec.compiler.reward.vector import Budget, Vector, closed

Kind = Literal["valid", "repeated", "schema", "unknown", "unparsed"]


class Turn(NamedTuple):
    """A policy turn. forged: a tool response before its calls. answers: whether it is the answer, with no call.

    executed: of its calls that are taken up, in order, whether each fails.
    """

    calls: tuple[Kind, ...]
    forged: bool = False
    answers: bool = False
    executed: tuple[bool, ...] = ()


class Episode(NamedTuple):
    vector: Vector
    turns: tuple[Turn, ...]


def episode(one: Vector, budget: Budget) -> Episode:
    """Raises ValueError for a vector that the budget does not allow."""
    turns = _spread(one, budget)
    found: list[Turn] = []
    failures, executions = one.errors, budget.executions
    for number, calls in enumerate(turns):
        last = number == len(turns) - 1
        executed: list[bool] = []
        for call in [] if last else [call for call in calls if call != "unparsed"][: budget.parallel]:
            valid = call in ("valid", "repeated")
            fails = valid and failures > 0 and executions > 0
            failures -= fails
            executions -= 1
            executed.append(fails)
        found.append(
            Turn(tuple(calls), number == 0 and one.forged, last and one.answer != "none", tuple(executed))
        )
    return Episode(one, tuple(found))


def _spread(one: Vector, budget: Budget) -> list[list[Kind]]:
    """The calls over the turns: each turn but the last has one that is parsed, and none too many.

    Valid ones come first, since the calls of the last turn are not executed, nor those beyond the parallel ones.
    """
    turns: list[list[Kind]] = [[] for _ in range(one.turns)]
    going_on = one.turns - 1
    parsed: list[Kind] = [*["valid"] * (one.valid - one.repeated), *["repeated"] * one.repeated]  # type: ignore[list-item]
    parsed += [*["schema"] * one.schema, *["unknown"] * one.unknown]  # type: ignore[list-item]
    rest: list[Kind] = ["unparsed"] * one.unparsed
    if len(parsed) < going_on:
        raise ValueError("a turn has no call that is parsed")
    for turn in turns[:going_on]:
        turn.append(parsed.pop(0))
    calling = turns[: going_on + (one.answer == "none")]
    for call in [*parsed, *rest]:
        open_ = turns[:going_on] if call != "unparsed" and closed(one, budget) else calling
        # Those that are executed before those that only count.
        room = [turn for turn in turns[:going_on] if len(turn) < budget.parallel]
        room = room or [turn for turn in open_ if len(turn) < budget.written]
        if not room:
            raise ValueError("there is no turn for so many calls")
        room[0].append(call)
    return turns
