"""The best or worst paid trajectory of a set, or the step that gains most: every one is looked at, none is listed.

A reward of terms is a sum over groups of counts (`worth.GROUPS`). What binds the groups of one answer together are the
valid calls V, the bad calls B and the turns T: a state. All other groups are settled for themselves (inner.py), and
what is left is to go through the states: for 10 turns of 4 calls some thousands, where there are millions of vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from toolspec.compiler.reward.inner import Found, Inner
from toolspec.compiler.reward.pay import Counts, Pay, Table
from toolspec.compiler.reward.region import Move, Region, Set
from toolspec.compiler.reward.states import INNER, STAY, State, states
from toolspec.compiler.reward.vector import PARTLY, Answer, Vector


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


def search(pay: Pay, where: Set, asked: Asked) -> dict[Told, Best]:
    """The best of each; empty for a set without trajectories. Of equals the first: fewest calls, no flags."""
    found: dict[Told, Best] = {}
    for region, answer in answers_of(pay, where):
        for told, best in _Search(pay, region, asked, answer).results():
            old = found.get(told)
            if old is None or (best.pay < old.pay if asked.least else best.pay > old.pay):
                found[told] = best
            elif best.pay == old.pay and old.one.answer in PARTLY and answer not in PARTLY:
                found[told] = best  # what is paid in full, before what only comes near to it
    return found


def answers_of(pay: Pay, where: Set) -> Iterator[tuple[Region, Answer]]:
    """Regions with each of their answers that the reward can tell."""
    for region in where:
        for answer in region.answers:
            if answer not in PARTLY or pay.reward.partial:
                yield region, answer


def after(state: State, move: Move, one: Vector) -> Vector:
    """The vector after a step from a vector of the state."""
    return move.of(one, state.turns_after)._replace(out_of_turns=bool(state.bound("flags")[2]))


def vector_of(answer: Answer, state: State, counts: Mapping[str, Counts]) -> Vector:
    """counts: of the inner groups."""
    (repeated,), (errors,), (tokens,) = counts["repeated"], counts["errors"], counts["tokens"]
    unknown, schema, unparsed = counts["kinds"]
    formed, truncated, forged, used, out_of_turns = map(bool, counts["flags"])
    return Vector(
        state.turns,
        state.valid,
        repeated,
        unknown,
        schema,
        unparsed,
        answer,
        formed,
        truncated,
        forged,
        used,
        errors,
        tokens,
        out_of_turns,
    )


class _Search:
    """One answer of one region."""

    def __init__(self, pay: Pay, region: Region, asked: Asked, answer: Answer) -> None:
        self.pay, self.region, self.asked, self.answer = pay, region, asked, answer
        self.move = asked.move or STAY
        self.sign = 1 if asked.least else -1
        self.group = pay.reward.term(asked.apart).worth.group if asked.apart else ""
        self.states = states(pay, region, asked.move, answer)
        self.inner = Inner(pay, region, asked.move, answer, self.sign)

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
        """The counts of a group with the best state for them. So many unparsed calls go with states that allow them."""
        if group != "kinds" or group not in self.pay.groups:
            for (share, binds), best in bound.items():
                yield share, self.inner.pairs(group, binds), best
            return
        for unparsed in range(self.pay.budget.calls + 1):
            found: dict[tuple[int | None, int], tuple[int, State]] = {}
            for (share, (bad, most, least)), best in bound.items():
                if least <= unparsed <= most:
                    old = found.get((share, bad))
                    found[share, bad] = best if old is None or best[0] < old[0] else old
            for (share, bad), best in found.items():
                yield share, self.inner.kinds(bad, unparsed, unparsed), best

    def _totals(self, without: str) -> Iterator[tuple[State, int]]:
        """Each state with the pay (times the sign: smaller is better) of its best, but for one inner group."""
        groups = [
            (place, group, dict[Counts, Found | None]())
            for place, group in enumerate(INNER)
            # What no term reads pays nothing; whether it can be at all matters where a set asks for it.
            if group != without and (group in self.pay.groups or group == "repeated" or self.asked.move)
        ]
        calls, turns = self._calls, self._turns
        skipped = self._without_corners if without not in ("errors", "flags") else frozenset()
        for state in self.states:
            valid, bad, before, after, executed, binds = state
            if executed in skipped and not binds[0][0]:
                continue
            total = calls[valid, bad] + turns[before, after]
            for place, group, kept in groups:
                bound = binds[place]
                if bound not in kept:
                    kept[bound] = self.inner.best(group, bound)
                found = kept[bound]
                if found is None:
                    break
                total += found.pay
            else:
                yield state, total

    @cached_property
    def _without_corners(self) -> frozenset[int]:
        """Numbers of executed calls of which no best needs all to fail: there a result may be used as well."""
        if "errors" not in self.pay.groups or self.answer == "none" or self.region.plain:
            return frozenset()
        found = []
        for executed in {state.executed for state in self.states} - {0}:
            one, other = (self.inner.best("errors", (most,)) for most in (executed, executed - 1))
            if one is not None and other is not None and other.pay <= one.pay:
                found.append(executed)
        return frozenset(found)

    def _best(self, total: int, state: State, known: Mapping[str, Found]) -> Best:
        inner = {group: known.get(group) or self.inner.best(group, state.bound(group)) for group in INNER}
        counts = {group: found.counts for group, found in inner.items() if found is not None}
        one = vector_of(self.answer, state, counts)
        stepping = self.asked.move is not None
        return Best(self.sign * total, one, after(state, self.move, one) if stepping else None)

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
