"""The best or worst paid trajectory of a set, or the step that gains most: every one is looked at, none is listed.

A reward of terms is a sum over groups of counts (`worth.GROUPS`). What binds the groups of one answer together are the
valid calls V, the bad calls B and the turns T: a state. The best repetitions depend on V alone, the best failures on
how many valid calls were executed, the best kinds of bad calls on B and on how many of them need not be parsed, flags
and length on V > 0. So each of these is settled for itself, and what is left is to go through the states: for 10 turns
of 4 calls some thousands, where there are millions of vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from toolspec.compiler.reward.pay import Counts, Pay, Table
from toolspec.compiler.reward.region import Move, Region, Set
from toolspec.compiler.reward.vector import Answer, Vector, turns_of

STAY = Move()
FLAGS = ("formed", "truncated", "forged", "used")
INNER = ("flags", "tokens", "repeated", "kinds", "errors")
"""Groups that are settled for themselves."""


class Best(NamedTuple):
    """pay: of `one`, or what the step from `one` to `other` costs; in whole numbers of the table's scale."""

    pay: int
    one: Vector
    other: Vector | None = None


class Asked(NamedTuple):
    """least: the smallest pay is looked for, else the largest. move: the pay of a trajectory less that after the step.

    apart: a term whose pay is left out, and by whose value (before and after the step) the results are told apart.
    by_valid: they are told apart by the number of valid calls too.
    """

    least: bool
    move: Move | None = None
    apart: str | None = None
    by_valid: bool = False


class Told(NamedTuple):
    """What a result is told apart by, None where it is not. value: places in Pay.distinct, before and after a step."""

    valid: int | None
    value: object


class State(NamedTuple):
    """turns_after: after the step. unparsed: the most bad calls that need not be parsed. executed: valid calls.

    binds: what of it each inner group depends on, in the order of INNER.
    """

    valid: int
    bad: int
    turns: int
    turns_after: int
    unparsed: int
    executed: int
    binds: tuple[Counts, ...]

    def bound(self, group: str) -> Counts:
        return self.binds[INNER.index(group)]


class Found(NamedTuple):
    """The best counts of an inner group. after: the step."""

    pay: int
    counts: Counts
    after: Counts


def search(pay: Pay, where: Set, asked: Asked) -> dict[Told, Best]:
    """The best of each; empty for a set without trajectories. Of equals the first: fewest calls, no flags."""
    found: dict[Told, Best] = {}
    for region in where:
        for answer in region.answers:
            for told, best in _Search(pay, region, asked, answer).results():
                old = found.get(told)
                if old is None or (best.pay < old.pay if asked.least else best.pay > old.pay):
                    found[told] = best
    return found


class _Search:
    """One answer of one region."""

    def __init__(self, pay: Pay, region: Region, asked: Asked, answer: Answer) -> None:
        self.pay, self.region, self.asked, self.answer = pay, region, asked, answer
        self.move = asked.move or STAY
        self.sign = 1 if asked.least else -1
        self.group = pay.reward.term(asked.apart).worth.group if asked.apart else ""
        self._inner: dict[tuple[str, Counts], Found | None] = {}

    def results(self) -> Iterator[tuple[Told, Best]]:
        if self.group in INNER:
            return self._by_inner(self.group)
        return self._by_state()

    def _by_state(self) -> Iterator[tuple[Told, Best]]:
        """What is told apart by is a matter of the state."""
        best: dict[Told, tuple[int, State]] = {}
        for state, total in self._totals(""):
            told = Told(state.valid if self.asked.by_valid else None, self._state_value(state))
            old = best.get(told)
            if old is None or total < old[0]:
                best[told] = total, state
        for told, (total, state) in best.items():
            yield told, self._best(total, state, {})

    def _by_inner(self, group: str) -> Iterator[tuple[Told, Best]]:
        """It is a matter of an inner group: the best state for whatever binds the group, then the group's counts."""
        # The terms of one group have this in common.
        common = group, self.region, self.asked._replace(apart=None), self.answer
        bound: dict[Any, tuple[int, State]] = self.pay.settled.setdefault(common, {})
        for state, total in () if bound else self._totals(group):
            share = state.valid if self.asked.by_valid else None
            key = share, state.bound(group)
            old = bound.get(key)
            if old is None or total < old[0]:
                bound[key] = total, state
        assert self.asked.apart is not None
        table = self.pay.table(group, self.answer, self.asked.apart)
        values = self.pay.numbers(self.asked.apart, self.answer)
        stepping = self.asked.move is not None
        best: dict[Told, tuple[int, State, Found]] = {}
        for share, pairs, (total, state) in self._bound_pairs(group, bound):
            for here, there in pairs:
                paid = self.sign * (table[here] - table[there] if stepping else table[here])
                told = Told(share, (values[here], values[there]) if stepping else (values[here],))
                before = best.get(told)
                if before is None or total + paid < before[0]:
                    best[told] = total + paid, state, Found(paid, here, there)
        for told, (total, state, known) in best.items():
            yield told, self._best(total, state, {group: known})

    def _bound_pairs(
        self, group: str, bound: Mapping[tuple[int | None, Counts], tuple[int, State]]
    ) -> Iterator[tuple[int | None, Iterator[tuple[Counts, Counts]], tuple[int, State]]]:
        """The counts of a group with the best state for them. So many unparsed calls go with states that allow more."""
        if group != "kinds" or group not in self.pay.groups:
            for (share, binds), best in bound.items():
                yield share, self._pairs(group, binds), best
            return
        running: dict[tuple[int | None, int], tuple[int, State]] = {}
        for unparsed in range(self.pay.budget.calls, -1, -1):
            for (share, (bad, most)), best in bound.items():
                if most == unparsed:
                    old = running.get((share, bad))
                    running[share, bad] = best if old is None or best[0] < old[0] else old
            for (share, bad), best in running.items():
                yield share, self._kind_pairs(bad, unparsed, unparsed), best

    def _totals(self, without: str) -> Iterator[tuple[State, int]]:
        """Each state with the pay (times the sign: smaller is better) of its best, but for one inner group."""
        groups = [
            (place, group, dict[Counts, Found | None]())
            for place, group in enumerate(INNER)
            # What no term reads pays nothing; whether it can be at all matters where a set asks for it.
            if group != without and (group in self.pay.groups or group == "repeated" or self.asked.move)
        ]
        calls, turns = self._calls, self._turns
        for state in self.states:
            valid, bad, before, after, _, _, binds = state
            total = calls[valid, bad] + turns[before, after]
            for place, group, kept in groups:
                bound = binds[place]
                if bound not in kept:
                    kept[bound] = self._inner_best(group, bound)
                found = kept[bound]
                if found is None:
                    break
                total += found.pay
            else:
                yield state, total

    def _best(self, total: int, state: State, known: Mapping[str, Found]) -> Best:
        inner = {group: known.get(group) or self._inner_best(group, state.bound(group)) for group in INNER}
        counts = {group: found.counts for group, found in inner.items() if found is not None}
        (repeated,), (errors,), (tokens,) = counts["repeated"], counts["errors"], counts["tokens"]
        unknown, schema, unparsed = counts["kinds"]
        formed, truncated, forged, used = map(bool, counts["flags"])
        one = Vector(
            state.turns,
            state.valid,
            repeated,
            unknown,
            schema,
            unparsed,
            self.answer,
            formed,
            truncated,
            forged,
            used,
            errors,
            tokens,
        )
        stepping = self.asked.move is not None
        return Best(self.sign * total, one, self.move.of(one, state.turns_after) if stepping else None)

    @cached_property
    def states(self) -> tuple[State, ...]:
        """By number of calls. Where no term reads the turns, the fewest leave the most room."""
        region, move, budget = self.region, self.move, self.pay.budget
        common = "states", region, self.asked.move, self.answer
        kept: dict[str, tuple[State, ...]] = self.pay.settled.setdefault(common, {})
        if "all" in kept:
            return kept["all"]
        turns_read = bool(self.pay.groups & {"turns", "errors"})
        fits = [turns_of(calls, self.answer, budget) for calls in range(budget.calls + 1)]
        fits += [(1, 0)] * (move.valid + move.bad)
        found = []
        # Raising a flag costs the same whatever the calls are, but that there is a valid one.
        most = min(budget.calls, region.calls[1], 1 if move.flag else budget.calls)
        for calls in range(region.calls[0], most + 1):
            (low, high), (low_after, high_after) = fits[calls], fits[calls + move.valid + move.bad]
            low, high = max(low, region.turns[0]), min(high, region.turns[1])
            if turns_read:
                further = move.further_turns if self.asked.move else (0,)
                pairs = [
                    (before, before + more)
                    for before in range(low, high + 1)
                    for more in further
                    if low_after <= before + more <= high_after
                ]
            else:
                pairs = [(low, low_after)] if low <= high and low_after <= high_after else []
            least = max(0, region.valid[0], calls - region.bad[1])
            for valid in range(least, min(calls - region.bad[0], region.valid[1]) + 1):
                for before, after in pairs:
                    unparsed = calls - before + 1
                    rounds = before - 1
                    if self.asked.move:
                        unparsed = min(unparsed, calls + move.valid + move.bad - after + 1 - move.unparsed)
                        rounds = min(before, after) - 1
                    bad = calls - valid
                    executed = min(valid, rounds * budget.parallel)
                    unparsed = min(bad, unparsed)
                    flagged = (int(valid > 0),)
                    binds = flagged, flagged, (valid,), (bad, unparsed), (executed,)
                    found.append(State(valid, bad, before, after, unparsed, executed, binds))
        kept["all"] = tuple(found)
        return kept["all"]

    @cached_property
    def _calls(self) -> Table:
        """(valid, bad) → signed pay of the group, or of the step."""
        table, move = self._table("calls"), self.move
        if self.asked.move is None:
            return {counts: self.sign * pay for counts, pay in table.items()}
        return {
            (valid, bad): self.sign * (pay - table[valid + move.valid, bad + move.bad])
            for (valid, bad), pay in table.items()
            if (valid + move.valid, bad + move.bad) in table
        }

    @cached_property
    def _turns(self) -> Table:
        """(turns, turns after the step) → signed pay."""
        table = self._table("turns")
        pairs = {(state.turns, state.turns_after) for state in self.states}
        if self.asked.move is None:
            return {(before, after): self.sign * table[before,] for before, after in pairs}
        return {(before, after): self.sign * (table[before,] - table[after,]) for before, after in pairs}

    def _table(self, group: str) -> Table:
        return self.pay.table(group, self.answer, self.asked.apart if self.group == group else None)

    def _state_value(self, state: State) -> object:
        if not self.group:
            return None
        assert self.asked.apart is not None
        values, move = self.pay.numbers(self.asked.apart, self.answer), self.move
        if self.group == "calls":
            here, there = (state.valid, state.bad), (state.valid + move.valid, state.bad + move.bad)
            return (values[here], values[there]) if self.asked.move else (values[here],)
        return (
            (values[state.turns,], values[state.turns_after,]) if self.asked.move else (values[state.turns,],)
        )

    def _inner_best(self, group: str, binds: Counts) -> Found | None:
        if group == "kinds":
            return self._kinds_best(*binds)
        kept = group, binds
        if kept not in self._inner:
            self._inner[kept] = self._settled(group, self._pairs(group, binds))
        return self._inner[kept]

    def _kinds_best(self, bad: int, unparsed: int) -> Found | None:
        """That with fewer unparsed calls, or with exactly so many. It is the same for every region."""
        kept: dict[Counts, Found | None] = self.pay.settled.setdefault(
            (self.answer, self.asked.move, self.sign), {}
        )
        found: Found | None = None
        if (bad, unparsed) in kept:
            return kept[bad, unparsed]
        for number in range(unparsed + 1):
            if (bad, number) not in kept:
                one = self._settled("kinds", self._kind_pairs(bad, number, number))
                kept[bad, number] = min(filter(None, (found, one)), key=lambda each: each.pay, default=None)
            found = kept[bad, number]
        return found

    def _settled(self, group: str, pairs: Iterable[tuple[Counts, Counts]]) -> Found | None:
        table, stepping = self.pay.table(group, self.answer), self.asked.move is not None
        best: Found | None = None
        for here, there in pairs:
            paid = self.sign * (table[here] - table[there] if stepping else table[here])
            if best is None or paid < best.pay:
                best = Found(paid, here, there)
        return best

    def _pairs(self, group: str, binds: Counts) -> Iterator[tuple[Counts, Counts]]:
        """(before, after the step) of what an inner group can be."""
        region, move = self.region, self.move
        read = group in self.pay.groups
        match group:
            case "repeated":
                (valid,) = binds
                low = region.repeated[0]
                high = min(
                    region.repeated[1], max(0, valid - 1), max(0, valid + move.valid - 1) - move.repeated
                )
                for number in range(low, high + 1):
                    yield (number,), (number + move.repeated,)
                    if not read:
                        return
            case "errors":
                for number in range(binds[0] + 1 if read else 1):
                    yield (number,), (number,)
            case "tokens":
                for length in (0,) if region.plain else self.pay.lengths:
                    yield (length,), (length,)
            case "kinds":
                yield from self._kind_pairs(*binds)
            case _:
                yield from self._flag_pairs(bool(binds[0]))

    def _kind_pairs(self, bad: int, unparsed: int, least: int = 0) -> Iterator[tuple[Counts, Counts]]:
        if "kinds" not in self.pay.groups:
            if least == 0 <= unparsed:
                yield (0, bad, 0), (0, bad + self.move.bad, 0)
            return
        for malformed in range(least, unparsed + 1):
            for schema in range(bad - malformed + 1):
                kinds = bad - malformed - schema, schema, malformed
                yield kinds, self.move.kinds(kinds)

    def _flag_pairs(self, valid: bool) -> Iterator[tuple[Counts, Counts]]:
        raised = FLAGS.index(self.move.flag) if self.move.flag else None
        for flags in self.pay.counts("flags", self.answer):
            formed, truncated, forged, used = flags
            if self.region.plain and (used or bool(formed) != (self.answer != "none")):
                continue
            if bool(truncated) not in self.region.truncated or bool(forged) not in self.region.forged:
                continue
            if used and not valid:
                continue
            if raised is None:
                yield flags, flags
            elif not flags[raised]:
                yield flags, (*flags[:raised], 1, *flags[raised + 1 :])
