"""`format`: the answer has the asked form."""

from __future__ import annotations

from pydantic import Field

from toolspec.specs.terms.term import Gated, Pattern


class Format(Gated):
    """1 when the trajectory ends with an answer of its own accord (not cut, not a call) in the asked form, else 0.

    Range: 0 or 1. Unit: trajectories. Example: `format: {weight: 0.1, pattern: "####"}` pays 0.1 for an answer with
    ####.
    """

    pattern: Pattern | None = Field(
        default=None,
        description="A regular expression that the answer must contain. Default: any non-empty answer.",
    )
