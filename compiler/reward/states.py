"""What binds the groups of counts together: how many calls of which kind stand in how many turns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from toolspec.compiler.reward.pay import Counts, Pay
from toolspec.compiler.reward.region import Move, Region
from toolspec.compiler.reward.vector import Answer, Budget, turns_of

INNER = ("flags", "tokens", "repeated", "kinds", "errors")
"""Groups that are settled for themselves."""
STAY = Move()
EITHER = -1
"""Of a flag: it may be raised or not."""


class State(NamedTuple):
    """turns_after: after the step. executed: the most valid calls that are.

    binds: what of it each inner group depends on, in the order of INNER.
    """

    valid: int
    bad: int
    turns: int
    turns_after: int
    executed: int
    binds: tuple[Counts, ...]

    def bound(self, group: str) -> Counts:
        return self.binds[INNER.index(group)]


def states(pay: Pay, region: Region, move: Move | None, answer: Answer) -> tuple[State, ...]:
    """By number of calls. Kept with the pay, for searches of the same region."""
    kept: dict[str, tuple[State, ...]] = pay.settled.setdefault(("states", region, move, answer), {})
    if "all" not in kept:
        kept["all"] = tuple(_states(pay, region, move, answer))
    return kept["all"]


def _states(pay: Pay, region: Region, asked: Move | None, answer: Answer) -> Iterator[State]:
    """Where no term reads the turns, the fewest leave the most room."""
    budget, move = pay.budget, asked or STAY
    ends = pay.reward.by_last_turn and answer == "none"
    # Which turns an unanswered one has decides too which calls have room before the last.
    turns_read = bool(pay.groups & {"turns", "errors"}) or answer == "none"
    fits = [turns_of(calls, answer, budget) for calls in range(budget.calls + 1)]
    fits += [(1, 0)] * (move.valid + move.bad)
    # Raising a flag costs the same whatever the calls are, but that there is a valid one.
    alike = move.flag and pay.reward.clip is None and not ends
    most = min(budget.calls, region.calls[1], 1 if alike else budget.calls)
    # An answer that is the calls themselves is right without a bad one.
    most_bad = 0 if pay.reward.by_calls and answer == "right" else budget.calls
    for calls in range(region.calls[0], most + 1):
        (low, high), (low_after, high_after) = fits[calls], fits[calls + move.valid + move.bad]
        low, high = max(low, region.turns[0]), min(high, region.turns[1])
        if turns_read:
            further = move.further_turns if asked else (0,)
            pairs = [
                (before, before + more)
                for before in range(low, high + 1)
                for more in further
                if low_after <= before + more <= high_after
            ]
        else:
            pairs = [(low, low_after)] if low <= high and low_after <= high_after else []
        least = max(0, region.valid[0], calls - min(region.bad[1], most_bad - move.bad))
        for valid in range(least, min(calls - region.bad[0], region.valid[1]) + 1):
            for before, after in pairs:
                unparsed, turns, bad = calls - before + 1, before, calls - valid
                open_calls = _open(budget, calls, before) if answer == "none" else 0
                if asked:
                    calls_after = calls + move.valid + move.bad
                    unparsed = min(unparsed, calls_after - after + 1 - move.unparsed)
                    turns = min(before, after)
                    if answer == "none" and not move.flag:
                        open_calls = max(open_calls, _open(budget, calls_after, after) - move.unparsed)
                unparsed = min(bad, unparsed)
                executed = min(valid, budget.executed(turns))
                out, out_after = (int(ends and budget.ends_at(each)) for each in (before, after))
                # Calls in a last turn: not parsed, or the turn was cut.
                lasts = [(EITHER, 0)] if not open_calls else [(0, open_calls)] * (False in region.truncated)
                lasts += [(1, 0)] * (open_calls > 0 and True in region.truncated)
                # A result that is used is of a call that did not fail.
                used = [1] if executed and answer != "none" and not region.plain else []
                for result in [*used, 0] if "errors" in pay.groups else used or [0]:
                    for cut, least_unparsed in lasts:
                        if least_unparsed > unparsed:
                            continue
                        kinds, failing = (bad, unparsed, least_unparsed), (executed - result,)
                        binds = (result, out, out_after, cut), (int(valid > 0),), (valid,), kinds, failing
                        yield State(valid, bad, before, after, executed, binds)


def _open(budget: Budget, calls: int, turns: int) -> int:
    """Calls that have to stand in the last turn, and so must not be parsed where nothing else ended it."""
    return 0 if budget.ends_at(turns) else max(0, calls - (turns - 1) * budget.written)
