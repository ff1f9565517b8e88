"""Each group's pay for each of its counts, as whole numbers of one common fraction, so that the search only adds.

A table has an entry for every combination of counts that a group can have within the budget.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from toolspec.compiler.reward.vector import ANSWERS, Answer, Budget, Vector
from toolspec.compiler.reward.reward import Reward, Term
from toolspec.compiler.reward.worth import Value

Key = tuple[object, ...]
"""The counts of a group: the answer first, then the coordinates of GROUPS in their order."""
Flags = tuple[bool, bool, bool, bool]
"""formed, truncated, forged, used."""


class Pay:
    """The tables of a reward and a budget. scale: how many of the whole numbers make 1."""

    def __init__(self, reward: Reward, budget: Budget) -> None:
        self.reward, self.budget = reward, budget
        self.groups = {each.worth.group for each in reward.terms}
        self._values = {each.name: dict(self._values_of(each)) for each in reward.terms}
        pays = {
            each.name: {key: each.pays(value) for key, value in self._values[each.name].items()}
            for each in reward.terms
        }
        self.scale = math.lcm(*(pay.denominator for table in pays.values() for pay in table.values()))
        self._pays = {
            name: {
                key: pay.numerator * (self.scale // pay.denominator) for key, pay in table.items()
            }
            for name, table in pays.items()
        }

    def values(self, name: str) -> Mapping[Key, Value]:
        """A term's value before its weight, by the counts of its group."""
        return self._values[name]

    def group(self, group: str, apart: str | None = None) -> Callable[[Key], int]:
        """The pay of a group's terms, without that of the term `apart`."""
        tables = [
            self._pays[each.name]
            for each in self.reward.terms
            if each.worth.group == group and each.name != apart
        ]
        if not tables:
            return lambda _: 0
        if len(tables) == 1:
            return tables[0].__getitem__
        kept: dict[Key, int] = {}

        def paid(key: Key) -> int:
            if key not in kept:
                kept[key] = sum(table[key] for table in tables)
            return kept[key]

        return paid

    def flags(self, answer: Answer, valid: bool) -> Iterator[Flags]:
        """Those that a trajectory can have; the plainest first."""
        if answer == "none":
            forms: tuple[bool, ...] = (False,)
        else:
            forms = (True, False) if self.reward.has_pattern else (True,)
        uses = (False, True) if valid and answer != "none" else (False,)
        for used, forged, truncated, formed in itertools.product(uses, (False, True), (False, True), forms):
            yield formed, truncated, forged, used

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Response lengths, in tokens, of which one is best for whatever the terms ask."""
        most = self.budget.tokens
        return tuple(sorted({0, *(min(one, most) for each in self.reward.terms for one in each.worth.lengths)}))

    def _values_of(self, term: Term) -> Iterator[tuple[Key, Value]]:
        calls, group = self.budget.calls, term.worth.group
        for answer in ANSWERS:
            start = Vector(answer=answer)
            if group == "calls":
                for valid in range(calls + 1):
                    for bad in range(calls + 1 - valid):
                        yield (answer, valid, bad), term.value(start._replace(valid=valid, schema=bad))
            elif group == "turns":
                for turns in range(1, self.budget.turns + 1):
                    yield (answer, turns), term.value(start._replace(turns=turns))
            elif group == "repeated":
                for repeated in range(max(1, calls)):
                    yield (answer, repeated), term.value(start._replace(valid=calls, repeated=repeated))
            elif group == "errors":
                for errors in range(calls + 1):
                    yield (answer, errors), term.value(start._replace(valid=calls, errors=errors))
            elif group == "kinds":
                for kinds in itertools.product(range(calls + 1), repeat=3):
                    if sum(kinds) <= calls:
                        unknown, schema, unparsed = kinds
                        one = start._replace(unknown=unknown, schema=schema, unparsed=unparsed)
                        yield (answer, *kinds), term.value(one)
            elif group == "tokens":
                for tokens in self.lengths:
                    yield (answer, tokens), term.value(start._replace(tokens=tokens))
            elif group == "flags":
                for flags in self.flags(answer, True):
                    formed, truncated, forged, used = flags
                    one = Vector(
                        answer=answer, formed=formed, truncated=truncated, forged=forged, used=used, valid=1
                    )
                    yield (answer, *flags), term.value(one)
