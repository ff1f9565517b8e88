"""Groups of counts that few numbers bind to the rest: what each can be, and the best of it.

The best repetitions depend on the valid calls alone, the best failures on how many of them may have failed, the best
kinds of bad calls on how many there are and how many of them need not be parsed or must not be, flags on whether there
is a result that can be used, whether the turns ran out and whether the last one is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from toolspec.compiler.reward.pay import Counts, Pay
from toolspec.compiler.reward.region import Move, Region
from toolspec.compiler.reward.states import STAY
from toolspec.compiler.reward.vector import Answer
from toolspec.compiler.reward.worth import GROUPS

FLAGS = GROUPS["flags"]


class Found(NamedTuple):
    """The best counts of an inner group. after: the step."""

    pay: int
    counts: Counts
    after: Counts


class Inner:
    """Of one answer of one region. move: None for trajectories without a step. sign: 1 where the least is best."""

    def __init__(self, pay: Pay, region: Region, move: Move | None, answer: Answer, sign: int) -> None:
        self.pay, self.region, self.answer, self.sign = pay, region, answer, sign
        self.asked, self.move = move, move or STAY
        self._kept: dict[tuple[str, Counts], Found | None] = {}

    def best(self, group: str, binds: Counts) -> Found | None:
        if group == "kinds":
            return self._kinds(*binds)
        kept = group, binds
        if kept not in self._kept:
            self._kept[kept] = self._settled(group, self.pairs(group, binds))
        return self._kept[kept]

    def pairs(self, group: str, binds: Counts) -> Iterator[tuple[Counts, Counts]]:
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
                for number in range(binds[0] + 1 if read and not region.plain else 1):
                    yield (number,), (number,)
            case "tokens":
                for length in (0,) if region.plain else self.pay.lengths:
                    yield (length,), (length,)
            case "kinds":
                yield from self.kinds(*binds)
            case _:
                yield from self._flags(*binds)

    def kinds(self, bad: int, unparsed: int, least: int = 0) -> Iterator[tuple[Counts, Counts]]:
        """The kinds of bad calls, with `least` to `unparsed` of them that are not parsed."""
        if "kinds" not in self.pay.groups:
            if least <= unparsed:
                kinds = 0, bad - least, least
                yield kinds, (0, kinds[1] + self.move.bad, least)
            return
        for malformed in range(least, unparsed + 1):
            for schema in range(bad - malformed + 1):
                kinds = bad - malformed - schema, schema, malformed
                yield kinds, self.move.kinds(kinds)

    def _flags(self, result: int, out: int, out_after: int, cut: int) -> Iterator[tuple[Counts, Counts]]:
        """result: whether one may be used. cut: 1 or 0 where the last turn has to be cut or must not be, else −1."""
        raised = FLAGS.index(self.move.flag) if self.move.flag else None
        for flags in self.pay.counts("flags", self.answer):
            formed, truncated, forged, used, ends = flags
            if ends != out or (cut >= 0 and truncated != cut):
                continue
            if self.region.plain and (used or bool(formed) != (self.answer != "none")):
                continue
            if bool(truncated) not in self.region.truncated or bool(forged) not in self.region.forged:
                continue
            if used and not result:
                continue
            after = (*flags[:-1], out_after)
            if raised is None:
                yield flags, after
            elif not flags[raised]:
                yield flags, (*after[:raised], 1, *after[raised + 1 :])

    def _kinds(self, bad: int, unparsed: int, least: int) -> Found | None:
        """The best with `least` to `unparsed` calls that are not parsed. It is the same for every region."""
        kept: dict[Counts, Found | None] = self.pay.settled.setdefault(
            (self.answer, self.asked, self.sign), {}
        )
        if (bad, unparsed, least) in kept:
            return kept[bad, unparsed, least]
        if "kinds" not in self.pay.groups or least >= unparsed:
            found = self._settled("kinds", self.kinds(bad, unparsed, least))
        else:
            one, other = self._kinds(bad, unparsed - 1, least), self._kinds(bad, unparsed, unparsed)
            found = min(filter(None, (one, other)), key=lambda each: each.pay, default=None)
        kept[bad, unparsed, least] = found
        return found

    def _settled(self, group: str, pairs: Iterable[tuple[Counts, Counts]]) -> Found | None:
        table, stepping = self.pay.table(group, self.answer), self.asked is not None
        best: Found | None = None
        for here, there in pairs:
            paid = self.sign * (table[here] - table[there] if stepping else table[here])
            if best is None or paid < best.pay:
                best = Found(paid, here, there)
        return best
