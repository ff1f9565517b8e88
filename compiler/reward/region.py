"""Sets of trajectories as boxes over the counts, and single steps from one trajectory to another."""

from __future__ import annotations

from typing import NamedTuple

from toolspec.compiler.reward.vector import ANSWERS, MANY, Answer, Vector

Range = tuple[int, int]
EITHER = (False, True)


class Region(NamedTuple):
    """The vectors whose counts lie within inclusive ranges. calls: valid and bad together.

    plain: only short trajectories whose answer, if any, has the asked form and uses no result, and none of whose tools
    failed.
    """

    answers: tuple[Answer, ...] = ANSWERS
    valid: Range = (0, MANY)
    repeated: Range = (0, MANY)
    bad: Range = (0, MANY)
    calls: Range = (0, MANY)
    turns: Range = (1, MANY)
    truncated: tuple[bool, ...] = EITHER
    forged: tuple[bool, ...] = EITHER
    plain: bool = False

    def holds(self, one: Vector) -> bool:
        ranges = (self.valid, self.repeated, self.bad, self.calls, self.turns)
        counts = (one.valid, one.repeated, one.bad, one.calls, one.turns)
        return (
            one.answer in self.answers
            and one.truncated in self.truncated
            and one.forged in self.forged
            and not (
                self.plain and (one.used or one.tokens or one.errors or one.formed != (one.answer != "none"))
            )
            and all(low <= count <= high for (low, high), count in zip(ranges, counts, strict=True))
        )

    def within(self, most: int) -> Region:
        """Those with at most so many calls."""
        return self._replace(calls=(self.calls[0], min(self.calls[1], most)))


Set = tuple[Region, ...]
"""The union of its regions."""


class Move(NamedTuple):
    """A step: calls added, or one flag raised (`flag`: a field of Vector that is False before)."""

    valid: int = 0
    repeated: int = 0
    unknown: int = 0
    schema: int = 0
    unparsed: int = 0
    flag: str = ""

    @property
    def bad(self) -> int:
        return self.unknown + self.schema + self.unparsed

    @property
    def further_turns(self) -> tuple[int, ...]:
        """A call goes into a turn that is there, or into one more."""
        return (0,) if self.flag else (0, 1)

    def kinds(self, kinds: tuple[int, int, int]) -> tuple[int, int, int]:
        return kinds[0] + self.unknown, kinds[1] + self.schema, kinds[2] + self.unparsed

    def of(self, one: Vector, turns: int) -> Vector:
        """The vector after the step, with so many turns."""
        unknown, schema, unparsed = self.kinds((one.unknown, one.schema, one.unparsed))
        after = one._replace(
            turns=turns,
            valid=one.valid + self.valid,
            repeated=one.repeated + self.repeated,
            unknown=unknown,
            schema=schema,
            unparsed=unparsed,
        )
        return after._replace(**{self.flag: True}) if self.flag else after  # type: ignore[arg-type]
