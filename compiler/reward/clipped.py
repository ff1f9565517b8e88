"""Steps under a clipped sum: what a step gains there hangs on where it starts, so each start is kept.

clip(a) ≥ clip(b) for a step from the sum a to the sum b holds where a ≥ b, or a is not below the upper end, or b is not
above the lower one. Of steps from the same sum the one that gains most decides, so for each sum that can be had one
step is kept, and sums are multiples of one fraction: tables of some hundred entries, added group by group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from toolspec.compiler.reward.inner import Inner
from toolspec.compiler.reward.pay import Pay
from toolspec.compiler.reward.region import Move, Region, Set
from toolspec.compiler.reward.search import after, answers_of, vector_of
from toolspec.compiler.reward.states import INNER, State, states
from toolspec.compiler.reward.vector import Answer, Vector

MOST_SUMS = 400_000
"""Additions, beyond which a clipped step is not gone through: about a second."""


class TooManyError(Exception):
    """There are more sums than are gone through."""


class Start(NamedTuple):
    """told: places of a term's values before and after the step (Pay.distinct), None where no term is set apart.

    sum: before the step, without the term that is set apart.
    """

    told: tuple[int, int] | None
    sum: int


class Gain(NamedTuple):
    """gain: the most that a step from there gains. trace: the counts of the inner groups, nested."""

    gain: int
    trace: Any = None


Gains = dict[Start, Gain]


class Step(NamedTuple):
    """margin: what the step costs after clipping, in whole numbers of the tables' scale."""

    margin: int
    one: Vector
    other: Vector


def worst_step(pay: Pay, where: Set, move: Move) -> Step | None:
    """The step that costs least. Raises TooManyError."""
    assert pay.reward.clip is not None
    low, high = (int(end * pay.scale) for end in pay.reward.clip)
    best: tuple[int, Answer, State, Gain] | None = None
    for answer, state, gains in _by_state(pay, where, move, None):
        for start, gain in gains.items():
            margin = min(max(start.sum, low), high) - min(max(start.sum + gain.gain, low), high)
            if best is None or margin < best[0]:
                best = margin, answer, state, gain
    if best is None:
        return None
    margin, answer, state, gain = best
    counts, trace = {}, gain.trace
    while trace is not None:
        group, here, trace = trace
        counts[group] = here
    one = vector_of(answer, state, counts)
    return Step(margin, one, after(state, move, one))


def gains_of(pay: Pay, where: Set, move: Move, apart: str) -> Gains:
    """Of every start the most that a step gains, beside the term that is set apart. Raises TooManyError."""
    found: Gains = {}
    for _, _, gains in _by_state(pay, where, move, apart):
        _add(found, gains)
    return found


def _by_state(pay: Pay, where: Set, move: Move, apart: str | None) -> Iterator[tuple[Answer, State, Gains]]:
    left = [MOST_SUMS]
    for region, answer in answers_of(pay, where):
        table = _Tables(pay, region, move, answer, apart, left)
        for state in states(pay, region, move, answer):
            gains = table.of(state)
            if gains:
                yield answer, state, gains


class _Tables:
    """Of one answer of one region. left: additions that may still be made, shared."""

    def __init__(
        self, pay: Pay, region: Region, move: Move, answer: Answer, apart: str | None, left: list[int]
    ) -> None:
        self.pay, self.move, self.answer, self.apart, self.left = pay, move, answer, apart, left
        self.inner = Inner(pay, region, move, answer, 1)
        self.group = pay.reward.term(apart).worth.group if apart else ""
        self._kept: dict[tuple[Any, ...], Gains] = {}

    def of(self, state: State) -> Gains:
        """The starts of a state. Groups that states share are added first, and kept."""
        return self._sum(self._outer(state), self._inner(state, len(INNER)))

    def _inner(self, state: State, groups: int) -> Gains:
        if not groups:
            return {Start(None, 0): Gain(0)}
        key = state.binds[:groups]
        if key not in self._kept:
            self._kept[key] = self._sum(self._inner(state, groups - 1), self._group(INNER[groups - 1], state))
        return self._kept[key]

    def _group(self, group: str, state: State) -> Gains:
        pay, answer = self.pay, self.answer
        table = pay.table(group, answer, self.apart if group == self.group else None)
        values = pay.numbers(self.apart, answer) if self.apart and group == self.group else None
        found: Gains = {}
        for here, there in self.inner.pairs(group, state.bound(group)):
            told = (values[here], values[there]) if values is not None else None
            gain = Gain(table[there] - table[here], (group, here, None))
            _add(found, {Start(told, table[here]): gain})
        return found

    def _outer(self, state: State) -> Gains:
        """Calls and turns, which are one thing in a state."""
        pay, move = self.pay, self.move
        counts = {
            "calls": ((state.valid, state.bad), (state.valid + move.valid, state.bad + move.bad)),
            "turns": ((state.turns,), (state.turns_after,)),
        }
        told, start, gain = None, 0, 0
        for group, (here, there) in counts.items():
            apart = self.apart if group == self.group else None
            table = pay.table(group, self.answer, apart)
            start, gain = start + table[here], gain + table[there] - table[here]
            if apart:
                values: Mapping[Any, int] = pay.numbers(apart, self.answer)
                told = values[here], values[there]
        return {Start(told, start): Gain(gain)}

    def _sum(self, one: Gains, other: Gains) -> Gains:
        self.left[0] -= len(one) * len(other)
        if self.left[0] < 0:
            raise TooManyError
        found: Gains = {}
        for start, gain in one.items():
            for further, more in other.items():
                key = Start(start.told or further.told, start.sum + further.sum)
                old, total = found.get(key), gain.gain + more.gain
                if old is None or total > old.gain:
                    found[key] = Gain(total, _joined(gain.trace, more.trace))
        return found


def _joined(one: Any, other: Any) -> Any:
    """Two traces, one of which is short."""
    if one is None:
        return other
    if other is None:
        return one
    group, here, rest = other
    return group, here, _joined(one, rest)


def _add(found: Gains, more: Gains) -> None:
    for start, gain in more.items():
        old = found.get(start)
        if old is None or gain.gain > old.gain:
            found[start] = gain
