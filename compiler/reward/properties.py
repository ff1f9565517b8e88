"""The properties that are asked of a reward: a table of formulas over sets of trajectories.

docs/reward.md shows the table. `form`:

best   max A > max B: the best-paid trajectory of A is paid more than that of B
every  min A > max B: each of A is paid more than each of B
alike  as `every`, between trajectories with equally many valid calls
step   score(x) ≥ score(step(x)) for each x of A

`≥` in place of `>` where `ties` is true: then a tie breaks nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from toolspec.compiler.reward.region import Move, Region, Set
from toolspec.compiler.reward.vector import PARTLY

Form = Literal["best", "every", "alike", "step", "matcher"]
Severity = Literal["error", "warning", "note"]
NO: tuple[bool, ...] = (False,)
YES: tuple[bool, ...] = (True,)
NONE = (0, 0)


class Property(NamedTuple):
    """better, worse: from the number of valid calls that a solution may need to a set. name: for JSON and findings.
    formula: as docs/reward.md has it, where the sets are named.

    claim: what holds where it is proved. broken: the same where it is refuted. severity: of a refuted one.
    needs_calls: it says nothing of a run without tools. no_case: why it may say nothing of a reward.
    """

    name: str
    formula: str
    claim: str
    broken: str
    form: Form
    severity: Severity
    better: Callable[[int], Set]
    worse: Callable[[int], Set] = lambda _: ()
    move: Move | None = None
    ties: bool = False
    needs_calls: bool = True
    no_case: str = ""


def more(least: int) -> tuple[int, int]:
    return least, 1 << 30


UNSOLVED = Region(answers=("wrong", "none"))
PARTLY_SOLVED = Region(answers=PARTLY)
SOLVED = Region(answers=("right",))


def honest(need: int) -> Set:
    """Solved, every call valid and new, no more of them than needed, nothing forged, not cut."""
    return (Region(answers=("right",), valid=(0, need), repeated=NONE, bad=NONE, truncated=NO, forged=NO),)


def not_honest(need: int) -> Set:
    """Solved, and one of the other things."""
    return (
        SOLVED._replace(valid=more(need + 1)),
        SOLVED._replace(repeated=more(1)),
        SOLVED._replace(bad=more(1)),
        SOLVED._replace(truncated=YES),
        SOLVED._replace(forged=YES),
    )


def anything(_: int) -> Set:
    return (Region(),)


def _tidy(region: Region) -> Region:
    return region._replace(repeated=NONE, bad=NONE, truncated=NO, forged=NO)


def _plain(region: Region) -> Region:
    """Those that differ in answer and calls alone, with some valid call and none repeated."""
    return region._replace(valid=more(1), repeated=NONE, truncated=NO, forged=NO, plain=True)


PROPERTIES: tuple[Property, ...] = (
    Property(
        "best-is-solved",
        "max honest > max unsolved",
        "the best pay needs a right answer",
        "the best pay needs no right answer",
        "best",
        "error",
        honest,
        lambda _: (UNSOLVED, PARTLY_SOLVED),
        needs_calls=False,
    ),
    Property(
        "best-is-honest",
        "max honest ≥ max (solved, not honest)",
        "nothing beats an honest solution",
        "a solution that is not honest is paid more",
        "best",
        "error",
        honest,
        not_honest,
        ties=True,
        needs_calls=False,
    ),
    Property(
        "solved-first",
        "min solved > max unsolved",
        "every solved trajectory beats every unsolved one",
        "an unsolved trajectory is paid as much as a solved one",
        "every",
        "warning",
        lambda _: (SOLVED,),
        lambda _: (UNSOLVED,),
        needs_calls=False,
    ),
    Property(
        "right-over-partly",
        "min solved > sup partly right",
        "every solved trajectory beats every partly right one",
        "a partly right answer is paid as much as a right one with a fault",
        "every",
        "note",
        lambda _: (SOLVED,),
        lambda _: (PARTLY_SOLVED,),
        needs_calls=False,
        no_case="an answer is right or wrong",
    ),
    Property(
        "answer-outweighs",
        "for each v ≥ 1: min plain solved(v) > max plain unsolved(v)",
        "a right answer outweighs bad calls",
        "bad calls outweigh the right answer",
        "alike",
        "warning",
        lambda _: (_plain(SOLVED),),
        lambda _: (_plain(UNSOLVED),),
    ),
    Property(
        "call-needed",
        "max honest with 1 to need valid calls ≥ max (tidy, solved, no call)",
        "a needed call is not better left out",
        "it pays to guess where a call is needed",
        "best",
        "warning",
        lambda need: tuple(each._replace(valid=(1, need)) for each in honest(need)),
        lambda _: (_tidy(SOLVED)._replace(valid=NONE),),
        ties=True,
    ),
    Property(
        "call-not-needed",
        "tidy, solved, no call: x ≥ x + valid call",
        "calling with the answer known does not pay",
        "it pays to call with the answer known",
        "step",
        "note",
        lambda _: (_tidy(SOLVED)._replace(valid=NONE),),
        move=Move(valid=1),
        ties=True,
    ),
    Property(
        "padding",
        "valid ≥ need: x ≥ x + valid call",
        "a call beyond the needed ones does not pay",
        "calls beyond the needed ones pay",
        "step",
        "warning",
        lambda need: (Region(valid=more(need)),),
        move=Move(valid=1),
        ties=True,
    ),
    Property(
        "repeating",
        "valid ≥ 1: x ≥ x + repeated call",
        "repeating a call does not pay",
        "repeating a call pays",
        "step",
        "warning",
        lambda _: (Region(valid=more(1)),),
        move=Move(valid=1, repeated=1),
        ties=True,
    ),
    Property(
        "unknown-tool",
        "all: x ≥ x + call of an unknown tool",
        "calling a tool that is not there does not pay",
        "calling a tool that is not there pays",
        "step",
        "warning",
        anything,
        move=Move(unknown=1),
        ties=True,
    ),
    Property(
        "schema-break",
        "all: x ≥ x + call that breaks a schema",
        "breaking a schema does not pay",
        "breaking a schema pays",
        "step",
        "warning",
        anything,
        move=Move(schema=1),
        ties=True,
    ),
    Property(
        "unparsed-call",
        "all: x ≥ x + call that cannot be parsed",
        "a call that cannot be read does not pay",
        "a call that cannot be read pays",
        "step",
        "warning",
        anything,
        move=Move(unparsed=1),
        ties=True,
    ),
    Property(
        "forging",
        "not forged: x ≥ x with a forged tool response",
        "forging a tool's answer does not pay",
        "forging a tool's answer pays",
        "step",
        "error",
        anything,
        move=Move(flag="forged"),
        ties=True,
    ),
    Property(
        "truncation",
        "not cut: x ≥ x cut by a limit",
        "being cut by a limit does not pay",
        "being cut by a limit pays",
        "step",
        "warning",
        anything,
        move=Move(flag="truncated"),
        ties=True,
        needs_calls=False,
    ),
    Property(
        "giving-up",
        "max (tidy, wrong answer, 1 to need valid calls) ≥ max (tidy, unsolved, no call)",
        "giving up at once does not beat an honest try",
        "giving up at once beats an honest try that fails",
        "best",
        "warning",
        lambda need: (_tidy(Region(answers=("wrong",)))._replace(valid=(1, need)),),
        lambda _: (_tidy(UNSOLVED)._replace(valid=NONE),),
        ties=True,
    ),
)
