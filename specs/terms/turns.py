"""`turns`: how many turns the policy took."""

from __future__ import annotations

from pydantic import Field

from toolspec.specs.section import NonNegative
from toolspec.specs.terms.term import Gated


class Turns(Gated):
    """The number of turns of the policy, its answer included, beyond `free`.

    Formula: max(0, turns − free). Range: 0 to budget.turns − free. Unit: turns. Example: `turns: {weight: -0.05,
    free: 2}` takes 0.05 for a call, another call and an answer.
    """

    free: NonNegative = Field(default=1, description="Turns that cost nothing.")
