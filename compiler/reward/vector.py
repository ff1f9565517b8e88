"""A trajectory as counts: what a reward of terms can tell apart, without the order and the words of it.

A trajectory of `turns` policy turns is a list of turns, each with at most `written` calls. Every turn but the last has
a call that was parsed, else it would be the last (verl's ToolAgentLoop ends at `no_tool_call`). An answer is the text
of a last turn that opens no call, so `none` stands for one that opens some, or says nothing. A call that was parsed
stands in a last turn only where something else ended it: the turns ran out, or a limit cut it. Calls there are counted
by the reward and never executed. `feasible` says exactly which vectors such lists have.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Answer = Literal["right", "almost", "barely", "wrong", "none"]
ANSWERS: tuple[Answer, ...] = ("right", "almost", "barely", "wrong", "none")
PARTLY: tuple[Answer, ...] = ("almost", "barely")
"""Of a matcher that gives credit between 0 and 1: as near to 1, and as near to 0, as one likes. No score of what lies
between is above or below those of both, since a credit is paid in a straight line."""
MANY = 1 << 30
"""No bound."""


class Budget(NamedTuple):
    """The most policy turns, calls that a turn executes (0 without tools), and tokens of a response.

    beyond: calls that a turn may have above those, which are counted and never executed. executions: the most calls
    that are executed in a trajectory; most: that are written in one. limit: the turn that is the last whatever it says,
    where fewer `turns` are looked at; 0 where it is `turns`.
    """

    turns: int
    parallel: int
    tokens: int = 1 << 20
    beyond: int = 0
    executions: int = MANY
    most: int = MANY
    limit: int = 0

    @property
    def written(self) -> int:
        """The most calls of a turn."""
        return self.parallel + self.beyond

    @property
    def calls(self) -> int:
        """The most calls of a trajectory: no answer, and calls in the last turn too."""
        return min(self.turns * self.written, self.most)

    def ends_at(self, turn: int) -> bool:
        """Whether there is no turn behind this one."""
        return turn >= (self.limit or self.turns)

    def executed(self, turns: int) -> int:
        """The most calls that are executed in so many turns."""
        return min((turns - 1) * self.parallel, self.executions)


class Vector(NamedTuple):
    """Counts of one trajectory.

    valid: calls of a known tool that fit its schema, `repeated` of them with the name and arguments of an earlier one.
    unknown: of tools that are not there. schema: that break a schema. unparsed: opened and not readable.
    formed: the answer has the form that `format` asks for. truncated: a limit cut the last turn. forged: the policy
    wrote a tool response itself. used: the answer holds what a tool returned. errors: valid calls whose tool failed.
    tokens: length of the response, 0 for a short one. out_of_turns: the last turn that the budget has gives no answer;
    False where no term asks for it.
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
    out_of_turns: bool = False

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
    if (one.formed or one.used) and one.answer == "none":
        return False
    if one.out_of_turns and (one.answer != "none" or not budget.ends_at(one.turns)):
        return False
    # The answer of a call that failed is no result.
    if not 0 <= one.errors <= min(one.valid, budget.executed(one.turns)) - one.used:
        return False
    parsed, going_on = one.calls - one.unparsed, one.turns - 1
    if closed(one, budget) and parsed > going_on * budget.written:
        return False
    calling = going_on + (one.answer == "none")
    return going_on <= parsed and one.calls <= min(calling * budget.written, budget.most)


def closed(one: Vector, budget: Budget) -> bool:
    """Whether the last turn holds no call that was parsed, since nothing else ended it."""
    return one.answer != "none" or not (one.truncated or budget.ends_at(one.turns))


def turns_of(calls: int, answer: Answer, budget: Budget) -> tuple[int, int]:
    """(fewest, most) turns of a trajectory with so many calls, all of them parsed; fewest > most where none has."""
    if not calls:
        return 1, 1
    if not budget.written or calls > budget.most:
        return 1, 0
    answering = answer != "none"
    return -(-calls // budget.written) + answering, min(budget.turns, calls + 1)
