"""Each group's pay for each of its counts, as whole numbers of one common fraction, so that the search only adds.

A table has an entry for every combination of counts that a group can have within the budget.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from toolspec.compiler.reward.reward import Reward, Term
from toolspec.compiler.reward.vector import ANSWERS, Answer, Budget, Vector
from toolspec.compiler.reward.worth import GROUPS, NOTHING, Value

Counts = tuple[int, ...]
"""The counts of a group, in the order of worth.GROUPS. Flags are counts too."""
Table = Mapping[Counts, int]


class TermTables(NamedTuple):
    """Of a term by answer and counts: its values, and its pay in whole numbers, `scale` of which make 1."""

    values: Mapping[Answer, Mapping[Counts, Value]]
    pays: Mapping[Answer, Table]
    scale: int


class Pay:
    """The tables of a reward and a budget. scale: how many of the whole numbers make 1.

    fine: of a reward with partial credit, four of the whole numbers are the least difference of two pays, and one tells
    a pay that is reached from one that is only come near to. tables: of terms that other rewards have too, kept.
    """

    def __init__(
        self, reward: Reward, budget: Budget, tables: dict[Hashable, TermTables] | None = None
    ) -> None:
        self.reward, self.budget = reward, budget
        self.groups = {each.worth.group for each in reward.terms}
        kept = {} if tables is None else tables
        shared = reward.has_pattern, reward.by_last_turn, budget, self.lengths
        for each in reward.terms:
            if (each, shared) not in kept:
                kept[each, shared] = self._term_tables(each)
        found = {each.name: kept[each, shared] for each in reward.terms}
        self.scale = math.lcm(
            *(one.scale for one in found.values()), *(end.denominator for end in reward.clip or ())
        )
        self._values = {name: one.values for name, one in found.items()}
        self._pays: dict[tuple[str, Answer], Table] = {}
        for name, one in found.items():
            factor = self.scale // one.scale
            whole: dict[int, Table] = {}
            for answer, table in one.pays.items():
                if id(table) not in whole:
                    more = {at: pay * factor for at, pay in table.items()}
                    whole[id(table)] = table if factor == 1 else more
                self._pays[name, answer] = whole[id(table)]
        self.fine = 4 if reward.partial else 1
        if reward.partial:
            self._tell_limits()
        self._distinct: dict[str, list[Value]] = {}
        self._numbers: dict[tuple[str, Answer], Mapping[Counts, int]] = {}
        self._tables: dict[tuple[str, Answer, str | None], Table] = {}
        self.settled: dict[Hashable, dict[Any, Any]] = {}
        """What searches of one kind have in common, kept for the next."""

    def _tell_limits(self) -> None:
        self.scale *= self.fine
        for each in self.reward.terms:
            for answer in ANSWERS:
                drift, table = each.drift(answer), self._pays[each.name, answer]
                self._pays[each.name, answer] = {at: pay * self.fine + drift for at, pay in table.items()}

    def exact(self, pay: int) -> Fraction:
        """What whole numbers of the tables are, with the limit for what comes near to it."""
        return Fraction((pay + self.fine // 2) // self.fine, self.scale // self.fine)

    def values(self, name: str, answer: Answer) -> Mapping[Counts, Value]:
        """A term's value before its weight, by the counts of its group."""
        return self._values[name][answer]

    def numbers(self, name: str, answer: Answer) -> Mapping[Counts, int]:
        """The same as places in `distinct`, which are told apart faster than fractions."""
        if (name, answer) not in self._numbers:
            distinct = self.distinct(name)
            places = {value: place for place, value in enumerate(distinct)}
            table = self._values[name][answer]
            self._numbers[name, answer] = {counts: places[value] for counts, value in table.items()}
        return self._numbers[name, answer]

    def distinct(self, name: str) -> list[Value]:
        """Every value that a term can have."""
        if name not in self._distinct:
            every = (value for table in self._values[name].values() for value in table.values())
            self._distinct[name] = list(dict.fromkeys(every))
        return self._distinct[name]

    def table(self, group: str, answer: Answer, apart: str | None = None) -> Table:
        """The pay of a group's terms, without that of the term `apart`."""
        asked = group, answer, apart
        if asked not in self._tables:
            summed = dict.fromkeys(self.counts(group, answer), 0)
            for each in self.reward.terms:
                if each.worth.group == group and each.name != apart:
                    for counts, pay in self._pays[each.name, answer].items():
                        summed[counts] += pay
            self._tables[asked] = summed
        return self._tables[asked]

    def counts(self, group: str, answer: Answer) -> Iterator[Counts]:
        """Every combination that a group can have; the plainest first."""
        calls = self.budget.calls
        match group:
            case "flags":
                yield from self._flags(answer)
            case "calls":
                yield from ((valid, bad) for valid in range(calls + 1) for bad in range(calls + 1 - valid))
            case "turns":
                yield from ((turns,) for turns in range(1, self.budget.turns + 1))
            case "tokens":
                yield from ((length,) for length in self.lengths)
            case "repeated" | "errors":
                yield from ((number,) for number in range(calls + 1))
            case "kinds":
                if group not in self.groups:
                    yield from (
                        (0, bad, unparsed) for bad in range(calls + 1) for unparsed in range(calls + 1)
                    )
                    return
                for unparsed in range(calls + 1):
                    for schema in range(calls + 1 - unparsed):
                        for unknown in range(calls + 1 - unparsed - schema):
                            yield unknown, schema, unparsed

    def _flags(self, answer: Answer) -> Iterator[Counts]:
        """In the order of worth.GROUPS."""
        forms = (0,) if answer == "none" else (1, 0) if self.reward.has_pattern else (1,)
        uses = (0,) if answer == "none" else (0, 1)
        ends = (0, 1) if answer == "none" and self.reward.by_last_turn else (0,)
        for used, forged, truncated, formed, out in itertools.product(uses, (0, 1), (0, 1), forms, ends):
            yield formed, truncated, forged, used, out

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Response lengths, in tokens, of which one is best for whatever the terms ask."""
        most = self.budget.tokens
        return tuple(
            sorted({0, *(min(one, most) for each in self.reward.terms for one in each.worth.lengths)})
        )

    def _term_tables(self, term: Term) -> TermTables:
        values = self._values_of(term)
        paid: dict[tuple[int, ...], Fraction] = {}
        exact: dict[int, dict[Counts, Fraction]] = {}
        for table in values.values():
            if id(table) in exact:
                continue
            found = exact[id(table)] = {}
            for counts, value in table.items():
                # Most counts share a value, and fractions are slow.
                units, fixed = value
                key = units.numerator, units.denominator, fixed.numerator, fixed.denominator
                if key not in paid:
                    paid[key] = term.pays(value)
                found[counts] = paid[key]
        scale = math.lcm(*{pay.denominator for pay in paid.values()})
        whole = {
            key: pay.numerator * (scale // pay.denominator)
            for key, pay in ((id(pay), pay) for pay in paid.values())
        }
        tables = {
            key: {counts: whole[id(pay)] for counts, pay in table.items()} for key, table in exact.items()
        }
        return TermTables(values, {answer: tables[id(table)] for answer, table in values.items()}, scale)

    def _values_of(self, term: Term) -> Mapping[Answer, Mapping[Counts, Value]]:
        """Only flags are read together with the answer; of the other groups the gate alone asks for it."""
        group = term.worth.group
        if group == "free":
            return {answer: {} for answer in ANSWERS}
        if group == "flags":
            return {
                answer: {counts: term.value(vector(group, counts, answer)) for counts in self._flags(answer)}
                for answer in ANSWERS
            }
        open_ = {counts: term.worth.value(vector(group, counts)) for counts in self.counts(group, "right")}
        shut = dict.fromkeys(open_, NOTHING)
        return {answer: shut if term.gated and answer != "right" else open_ for answer in ANSWERS}


def vector(group: str, counts: Counts, answer: Answer = "right") -> Vector:
    """A vector with the counts of one group, good for terms that read no other."""
    match group:
        case "flags":
            return Vector(answer=answer, **dict(zip(GROUPS[group], map(bool, counts), strict=True)))
        case "calls":
            return Vector(valid=counts[0], schema=counts[1])
        case "kinds":
            return Vector(unknown=counts[0], schema=counts[1], unparsed=counts[2])
        case _:
            return Vector(**{group: counts[0]})  # type: ignore[arg-type]
