"""Whether a property holds at every step of a stage in which weights move in straight lines.

Between two steps between which no cap begins or ends to hold, the score of every trajectory is a straight line of the
step. The least difference of pairs, `min A > max B` and single steps, is then concave: what holds at both ends holds
between. The difference of two maxima is neither, so there the span is halved until the better side's lines, which lie
below its maximum, are above the chord of the worse side's, which lies above its own: at the latest where the ends are
neighbours.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from toolspec.compiler.reward.cases import Case
from toolspec.compiler.reward.lines import Line, meeting
from toolspec.compiler.reward.pay import Pay, TermTables
from toolspec.compiler.reward.properties import Property
from toolspec.compiler.reward.reward import Reward
from toolspec.compiler.reward.vector import Budget
from toolspec.compiler.reward.verdict import Verdict, verdict

MOST_STEPS = 100
"""Steps of a stage that are gone through one by one, where nothing else decides."""


class Stage:
    """A case and what is found at its steps, kept for every property. tables: those of cases beside it (Pay)."""

    def __init__(self, case: Case, budget: Budget, tables: dict[Hashable, TermTables] | None = None) -> None:
        self.case, self.budget = case, budget
        self.tables: dict[Hashable, TermTables] = {} if tables is None else tables
        self._pays: dict[int, Pay] = {}

    def pay(self, step: int) -> Pay:
        if step not in self._pays:
            self._pays[step] = Pay(self.reward(step), self.budget, self.tables)
        return self._pays[step]

    def reward(self, step: int) -> Reward:
        case = self.case
        if case.until is None or step == case.first:
            return case.reward
        assert case.last is not None
        way = Fraction(step - case.first, case.last - case.first)
        terms = zip(case.reward.terms, case.until.terms, strict=True)
        return case.reward._replace(
            terms=tuple(one._replace(weight=one.weight + way * (to.weight - one.weight)) for one, to in terms)
        )

    def marks(self) -> list[int]:
        """Steps between neighbours of which no cap begins or ends to hold."""
        case = self.case
        if case.until is None:
            return [case.first]
        assert case.last is not None
        found = {case.first, case.last}
        for one, to in zip(case.reward.terms, case.until.terms, strict=True):
            slope = (to.weight - one.weight) / (case.last - case.first)
            if one.cap is None or not slope:
                continue
            for value in self.pay(case.first).distinct(one.name):
                if value.units:
                    at = case.first + ((one.cap - value.fixed) / value.units - one.weight) / slope
                    found |= {step for step in (floor(at), ceil(at)) if case.first < step < case.last}
        return sorted(found)

    def verdict(self, asked: Property) -> Verdict:
        """Of all its steps one that breaks it, behind one that does not, else the narrowest. Its case is the step's."""
        found: list[tuple[int, Verdict]] = []
        for step, each in self._steps(asked):
            if each.outcome == "refuted":
                return self._first(asked, found[-1][0], step, each) if found else each
            found.append((step, each))
        unknown = [each for _, each in found if each.outcome == "unknown"]
        held = [each for _, each in found if each.margin is not None]
        return (unknown or sorted(held, key=lambda each: each.margin or 0) or [found[0][1]])[0]

    def _first(self, asked: Property, holds: int, breaks: int, found: Verdict) -> Verdict:
        while breaks - holds > 1:
            middle = (holds + breaks) // 2
            tried = self._at(asked, middle)
            if tried.outcome == "refuted":
                breaks, found = middle, tried
            else:
                holds = middle
        return found

    def _steps(self, asked: Property) -> Iterator[tuple[int, Verdict]]:
        marks = self.marks()
        yield marks[0], self._at(asked, marks[0])
        for low, high in pairwise(marks):
            yield from self._between(asked, low, high)
            yield high, self._at(asked, high)

    def _at(self, asked: Property, step: int) -> Verdict:
        reward = self.reward(step)
        case = Case(reward, step, step, None, self.case.need) if self.case.until else self.case
        return verdict(self.pay(step), asked)._replace(case=case)

    def _between(self, asked: Property, low: int, high: int) -> Iterator[tuple[int, Verdict]]:
        """What has to be looked at between two steps."""
        if high - low < 2:
            return
        clip = self.case.reward.clip
        if asked.form != "best":
            if clip is not None and asked.move is not None and not self._bare(asked, low, high):
                # A gain that both ends hide may show between them.
                if high - low > MOST_STEPS:
                    why = f"between steps {low} and {high} the clipped sum hides it, or not"
                    yield low, self._at(asked, low)._replace(outcome="unknown", why=why)
                else:
                    yield from ((step, self._at(asked, step)) for step in range(low + 1, high))
            return
        ends = self._at(asked, low), self._at(asked, high)
        if any(each.outcome == "refuted" for each in ends) or self._apart(asked, low, high, ends):
            return
        middle = (low + high) // 2
        yield from self._between(asked, low, middle)
        yield middle, self._at(asked, middle)
        yield from self._between(asked, middle, high)

    def _bare(self, asked: Property, low: int, high: int) -> bool:
        """Whether it holds at both ends without the clip, and so between them with it."""
        for step in (low, high):
            bare = Pay(self.reward(step)._replace(clip=None), self.budget)
            if verdict(bare, asked).outcome != "proved":
                return False
        return True

    def _apart(self, asked: Property, low: int, high: int, ends: tuple[Verdict, Verdict]) -> bool:
        """Whether lines of the better side are above the chord of the worse one all the way."""
        pairs = [each.pair for each in ends]
        if any(pair is None for pair in pairs):
            return True
        first, last = self.reward(low), self.reward(high)

        def line(start: Fraction, end: Fraction) -> Line:
            return Line(start, end - start)

        worse = [first.sum(pairs[0].worse), last.sum(pairs[1].worse)]  # type: ignore[union-attr]
        chord = line(worse[0], worse[1])
        lines = [line(first.sum(pair.better), last.sum(pair.better)) for pair in pairs]  # type: ignore[union-attr]
        # What both ends only come near to is nowhere reached between them either.
        ties = asked.ties or all(pair.near > 0 for pair in pairs)  # type: ignore[union-attr]
        points = [Fraction(0), Fraction(1)]
        if lines[0].slope != lines[1].slope:
            points.append(meeting(lines[0], lines[1]))
        clip = first.clip
        for x in points:
            if not 0 <= x <= 1:
                continue
            above, below = max(each.value(x) for each in lines), chord.value(x)
            if clip is not None and not (above > clip[0] and below < clip[1]) and not ties:
                return False
            if above < below or (above == below and not ties):
                return False
        return True
