"""What every reward term has: a weight."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from toolspec.specs.section import Finite, Section


class Term(Section):
    """A number read from a trajectory, times a weight. A bare number is the weight."""

    short_form: ClassVar[str] = "weight"

    weight: Finite = Field(description="Added to the score for each unit of the term.")
