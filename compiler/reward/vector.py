"""A trajectory as counts: what a reward of terms can tell apart, without the order and the words of it.

A trajectory of `turns` policy turns is a list of turns, each with at most `parallel` calls. Every turn but the last has
a call that was parsed, else it would be the last (verl's ToolAgentLoop ends at `no_tool_call`). An answer is the text
of a last turn that opens no call, so `none` stands for one that opens some, or says nothing. Calls of the last turn are
parsed by the reward and never executed. `feasible` says exactly which vectors such lists have.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Answer = Literal["right", "wrong", "none"]
ANSWERS: tuple[Answer, ...] = ("right", "wrong", "none")


class Budget(NamedTuple):
    """The most policy turns, calls that a turn opens (0 without tools), and tokens of a response."""

    turns: int
    parallel: int
    tokens: int = 1 << 20

    @property
    def calls(self) -> int:
        """The most calls of a trajectory: no answer, and calls in the last turn too."""
        return self.turns * self.parallel


class Vector(NamedTuple):
    """Counts of one trajectory.

    valid: calls of a known tool that fit its schema, `repeated` of them with the name and arguments of an earlier one.
    unknown: of tools that are not there. schema: that break a schema. unparsed: opened and not readable.
    formed: the answer has the form that `format` asks for. truncated: a limit cut the last turn. forged: the policy
    wrote a tool response itself. used: the answer holds what a tool returned. errors: valid calls whose tool failed.
    tokens: length of the response, 0 for a short one.
    """

    turns: int = 1
    valid: int = 0
    repeated: int = 0
    unknown: int = 0
    schema: int = 0
    unparsed: int = 0
    answer: Answer = "none"
    formed: bool = False
    truncated: bool = False
    forged: bool = False
    used: bool = False
    errors: int = 0
    tokens: int = 0

    @property
    def bad(self) -> int:
        return self.unknown + self.schema + self.unparsed

    @property
    def calls(self) -> int:
        return self.valid + self.bad


def feasible(one: Vector, budget: Budget) -> bool:
    """Whether some trajectory within the budget has these counts."""
    if not 1 <= one.turns <= budget.turns or min(one[1:6]) < 0:
        return False
    if one.repeated > max(0, one.valid - 1):
        return False
    if (one.formed and one.answer == "none") or (one.used and (one.answer == "none" or not one.valid)):
        return False
    if not 0 <= one.errors <= min(one.valid, (one.turns - 1) * budget.parallel):
        return False
    calling = one.turns - (one.answer != "none")
    return one.turns - 1 <= one.calls - one.unparsed and one.calls <= calling * budget.parallel


def turns_of(calls: int, answer: Answer, budget: Budget) -> tuple[int, int]:
    """(fewest, most) turns of a trajectory with so many calls, all of them parsed; fewest > most where none has."""
    if not calls:
        return 1, 1
    if not budget.parallel:
        return 1, 0
    answering = answer != "none"
    return -(-calls // budget.parallel) + answering, min(budget.turns, calls + 1)
