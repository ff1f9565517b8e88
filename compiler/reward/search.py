"""The best or worst paid trajectory of a set, or the step that gains most: every one is looked at, none is listed.

A reward of terms is a sum over groups of counts (`worth.GROUPS`), and the counts of different groups are bound together
by few numbers: the answer, the valid calls V, the bad calls B and the turns. For each of these the best of every group
is taken by itself, so 10 turns of 4 calls are some thousand sums and not a million vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from toolspec.compiler.reward.pay import Key, Pay
from toolspec.compiler.reward.region import Move, Region, Set
from toolspec.compiler.reward.vector import Answer, Vector, turns_of

NOTHING = Move()
Inner = Mapping[object, tuple[int, tuple[object, ...]]]
"""Of a group: what the trajectories are told apart by → (pay, counts) of the best."""


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


Told = tuple[int | None, object]
"""(valid calls, value of the term apart): None where results are not told apart by it."""


def search(pay: Pay, where: Set, asked: Asked) -> dict[Told, Best]:
    """The best of each; empty for a set without trajectories. Of equals the first: fewest calls, no flags."""
    found: dict[Told, Best] = {}
    for region in where:
        for answer in region.answers:
            _Search(pay, region, asked, answer).into(found)
    return found


class _Search:
    """One answer of one region."""

    def __init__(self, pay: Pay, region: Region, asked: Asked, answer: Answer) -> None:
        self.pay, self.region, self.asked, self.answer = pay, region, asked, answer
        self.budget = pay.budget
        self.move = asked.move or NOTHING
        self.apart = pay.reward.term(asked.apart) if asked.apart else None
        self.tables = {
            name: pay.group(name, asked.apart)
            for name in ("calls", "turns", "repeated", "kinds", "errors", "flags", "tokens")
        }
        self._kept: dict[object, Inner] = {}

    def into(self, found: dict[Told, Best]) -> None:
        region, asked, move = self.region, self.asked, self.move
        stepping = asked.move is not None
        calls, turns = self.tables["calls"], self.tables["turns"]
        turns_read = bool(self.pay.groups & {"turns", "errors"})
        most = min(self.budget.calls, region.calls[1])
        for number in range(region.calls[0], most + 1):
            spans = self._turns(number, 0), self._turns(number + move.valid + move.bad, 0)
            for valid in range(max(0, region.valid[0], number - region.bad[1]), min(number, region.valid[1]) + 1):
                bad = number - valid
                if bad < region.bad[0]:
                    break
                here: Key = (self.answer, valid, bad)
                there: Key = (self.answer, valid + move.valid, bad + move.bad)
                for before, after in self._turn_pairs(spans, turns_read):
                    unparsed = number - before + 1
                    if stepping:
                        unparsed = min(unparsed, number + move.valid + move.bad - after + 1 - move.unparsed)
                    repeated, kinds = self._repeated(valid), self._kinds(bad, unparsed)
                    if not repeated or not kinds:
                        continue
                    errors = self._errors(valid, before, after)
                    base = calls(here) + turns((self.answer, before))
                    told = self._told("calls", here, there) or self._told(
                        "turns", (self.answer, before), (self.answer, after)
                    )
                    if stepping:
                        base -= calls(there) + turns((self.answer, after))
                    share = valid if asked.by_valid else None
                    for flag_told, (flag_pay, flags) in self._flags(valid > 0).items():
                        for repeat_told, (repeat_pay, again) in repeated.items():
                            for kind_told, (kind_pay, kind) in kinds.items():
                                for error_told, (error_pay, failed) in errors.items():
                                    total = base + flag_pay + repeat_pay + kind_pay + error_pay
                                    key = share, told or flag_told or repeat_told or kind_told or error_told
                                    old = found.get(key)
                                    if old is not None and (
                                        old.pay <= total if asked.least else old.pay >= total
                                    ):
                                        continue
                                    *marks, tokens = flags
                                    one = Vector(before, valid, *again, *kind, self.answer, *marks, *failed, tokens)  # type: ignore[misc,arg-type]
                                    found[key] = Best(total, one, move.of(one, after) if stepping else None)

    def _turns(self, calls: int, unparsed: int) -> tuple[int, int]:
        return turns_of(calls, self.answer, self.budget) if calls <= self.budget.calls else (1, 0)

    def _turn_pairs(
        self, spans: tuple[tuple[int, int], tuple[int, int]], read: bool
    ) -> Iterator[tuple[int, int]]:
        """(turns before, turns after) the step. Where no term reads them, the fewest leave most room."""
        (low, high), (low_after, high_after) = spans
        low, high = max(low, self.region.turns[0]), min(high, self.region.turns[1])
        if not read:
            if low <= high and low_after <= high_after:
                yield low, low_after
            return
        for before in range(low, high + 1):
            for further in self.move.further_turns if self.asked.move else (0,):
                if low_after <= before + further <= high_after:
                    yield before, before + further

    def _told(self, group: str, here: Key, there: Key) -> object:
        """By what the term apart tells trajectories apart, where it is of this group."""
        if self.apart is None or self.apart.worth.group != group:
            return None
        values = self.pay.values(self.apart.name)
        return (values[here], values[there]) if self.asked.move is not None else (values[here],)

    def _best(self, group: str, pairs: Iterable[tuple[Key, Key]]) -> Inner:
        """The best counts of a group among (before, after) the step."""
        table, stepping, least = self.tables[group], self.asked.move is not None, self.asked.least
        found: dict[object, tuple[int, tuple[object, ...]]] = {}
        for here, there in pairs:
            pay = table(here) - table(there) if stepping else table(here)
            told = self._told(group, here, there)
            old = found.get(told)
            if old is None or (pay < old[0] if least else pay > old[0]):
                found[told] = pay, here[1:]
        return found

    def _repeated(self, valid: int) -> Inner:
        kept = ("repeated", valid)
        if kept not in self._kept:
            step, read = self.move.repeated, "repeated" in self.pay.groups
            low, high = self.region.repeated[0], min(self.region.repeated[1], max(0, valid - 1))
            high = min(high, max(0, valid + self.move.valid - 1) - step)
            numbers = range(low, high + 1) if read else range(low, min(low, high) + 1)
            self._kept[kept] = self._best(
                "repeated", (((self.answer, number), (self.answer, number + step)) for number in numbers)
            )
        return self._kept[kept]

    def _errors(self, valid: int, before: int, after: int) -> Inner:
        """A call of the last turn is never executed."""
        rounds = (min(before, after) if self.asked.move else before) - 1
        most = min(valid, rounds * self.budget.parallel) if "errors" in self.pay.groups else 0
        kept = ("errors", most)
        if kept not in self._kept:
            self._kept[kept] = self._best("errors", (((self.answer, n),) * 2 for n in range(most + 1)))
        return self._kept[kept]

    def _kinds(self, bad: int, unparsed: int) -> Inner:
        kept = ("kinds", bad, unparsed)
        if kept not in self._kept:
            self._kept[kept] = self._best("kinds", self._kind_pairs(bad, unparsed))
        return self._kept[kept]

    def _kind_pairs(self, bad: int, unparsed: int) -> Iterator[tuple[Key, Key]]:
        if "kinds" not in self.pay.groups:
            if unparsed >= 0:
                yield (self.answer, 0, bad, 0), (self.answer, *self.move.kinds((0, bad, 0)))
            return
        for malformed in range(min(bad, unparsed) + 1):
            for schema in range(bad - malformed + 1):
                kinds = bad - malformed - schema, schema, malformed
                yield (self.answer, *kinds), (self.answer, *self.move.kinds(kinds))

    def _flags(self, valid: bool) -> Inner:
        """The flags and the length, which nothing binds to the calls but that only a result can be used."""
        kept = ("flags", valid)
        if kept not in self._kept:
            flags = self._best("flags", self._flag_pairs(valid))
            lengths = self._best(
                "tokens", (((self.answer, length),) * 2 for length in self.pay.lengths)
            )
            best: dict[object, tuple[int, tuple[object, ...]]] = {}
            for told, (pay, counts) in flags.items():
                for length_told, (length_pay, length) in lengths.items():
                    best[told or length_told] = pay + length_pay, (*counts, *length)
            self._kept[kept] = best
        return self._kept[kept]

    def _flag_pairs(self, valid: bool) -> Iterator[tuple[Key, Key]]:
        names = ("formed", "truncated", "forged", "used")
        for flags in self.pay.flags(self.answer, valid):
            if flags[1] not in self.region.truncated or flags[2] not in self.region.forged:
                continue
            if not self.move.flag:
                yield (self.answer, *flags), (self.answer, *flags)
            elif not flags[names.index(self.move.flag)]:
                after = tuple(
                    True if name == self.move.flag else flag for name, flag in zip(names, flags, strict=True)
                )
                yield (self.answer, *flags), (self.answer, *after)


def fraction(pay: Pay, number: int) -> Fraction:
    return Fraction(number, pay.scale)
