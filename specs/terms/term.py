"""What every reward term has: a weight, and how it changes, is gated and is capped."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from toolspec.specs.section import Finite, Many, Section, Text


def _rising(points: tuple[Any, ...]) -> tuple[Any, ...]:
    """[[step, weight], …] as pairs of a whole number and a number. Raises ValueError."""
    for point in points:
        if len(point) != 2:
            raise ValueError(
                f"an entry of `schedule` is a step and the weight from it on, [200, 0.1], not {list(point)}"
            )
    steps = [step for step, _ in points]
    for step in steps:
        if step != int(step) or step < 1:
            raise ValueError(
                f"a step of `schedule` is a whole number from 1, not {step:g}; `weight` holds until the first"
            )
    if any(later <= earlier for earlier, later in pairwise(steps)):
        raise ValueError(f"the steps of `schedule` must rise: {', '.join(f'{step:g}' for step in steps)}")
    return tuple((int(step), weight) for step, weight in points)


def compiles(pattern: str) -> str:
    """The pattern itself. Raises ValueError where it is not a regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"`pattern` is not a regular expression: {error}") from None
    except RecursionError:
        raise ValueError("`pattern` is nested too deeply") from None
    return pattern


def _not_zero(cap: float) -> float:
    if cap == 0:
        raise ValueError("`cap: 0` pays nothing; leave the term out")
    return cap


Cap = Annotated[Finite, AfterValidator(_not_zero)]
Pattern = Annotated[Text, AfterValidator(compiles)]
Schedule = Annotated[Many[Many[Finite]], Field(min_length=1), AfterValidator(_rising)]


class Term(Section):
    """A number read from a trajectory, times a weight. A bare number is the weight."""

    short_form: ClassVar[str] = "weight"

    weight: Finite = Field(description="Added to the score for each unit of the term.")
    cap: Cap | None = Field(
        default=None,
        description=(
            "The most that the term adds in all, in units of the score; below zero the least. "
            "Default: no bound. Example: `-0.9`."
        ),
    )
    schedule: Schedule | None = Field(
        default=None,
        description=(
            "Weights from later training steps on, as [step, weight]; until the first of them `weight` "
            "holds. Where verl does not tell the step (V0 with a loop of your own that drops the engine's "
            "fields) scoring fails. Default: one weight throughout. Example: `[[200, 0.1]]`."
        ),
    )
    between: Literal["hold", "linear"] | None = Field(
        default=None,
        description=(
            "With `schedule`: `hold` the weight until the next step, or go there in a straight line "
            "(`linear`). Default: hold."
        ),
    )

    @model_validator(mode="after")
    def payment_fits(self) -> Term:
        if self.between is not None and self.schedule is None:
            raise ValueError("`between` belongs to `schedule`")
        if self.cap is not None:
            weights = [self.weight, *(weight for _, weight in self.schedule or ())]
            if all(weight * self.cap <= 0 for weight in weights) and not self.pays_more():
                side = "at most" if self.cap > 0 else "at least"
                raise ValueError(
                    f"`cap: {self.cap:g}` holds the term {side} there, and a weight of {self.weight:g} "
                    f"never gets so far; write `cap: {-self.cap:g}`"
                )
        return self

    def pays_more(self) -> bool:
        """Whether the term may pay with another sign than its weight's."""
        return False


class Gated(Term):
    """A term that may be paid under a condition. A bare number is the weight."""

    only_if: Literal["correct"] | None = Field(
        default=None,
        description=(
            "`correct`: the term is paid only where the answer is right, which is where the value of "
            "`correct` is 1. Default: always."
        ),
    )
