"""`length`: how long the trajectory is."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from toolspec.specs.section import NonNegative, Positive
from toolspec.specs.terms.term import Gated


class Length(Gated):
    """How far the response is on the way from `start` to `end` tokens.

    Formula: t = (tokens − start) / (end − start), held within 0 and 1; linear t; cosine (1 − cos πt) / 2; overlong
    t with start = end − buffer, which is DAPO's soft overlong punishment for a weight of −1. Range: 0 to 1. Unit: a
    share of the way. Example: `length: {weight: -1, shape: overlong, buffer: 256}` in a budget of 1024 tokens takes
    nothing up to 768, 0.5 at 896 and 1 at 1024.
    """

    shape: Literal["linear", "cosine", "overlong"] = Field(
        default="linear", description="`cosine` is flat at both ends, `overlong` starts at `end` − `buffer`."
    )
    of: Literal["response", "policy"] = Field(
        default="response",
        description="Tokens of the whole response, tool texts included, or those of the `policy` alone.",
    )
    start: NonNegative | None = Field(
        default=None, description="Tokens that are free; not with `overlong`. Default: 0."
    )
    end: Positive | None = Field(
        default=None,
        description="Tokens at which the value is 1. Default: budget.trajectory_tokens.",
    )
    buffer: Positive | None = Field(
        default=None, description="`overlong`: tokens before `end` over which the value rises."
    )

    @model_validator(mode="after")
    def settings_fit_the_shape(self) -> Length:
        if (self.shape == "overlong") != (self.buffer is not None):
            raise ValueError("`buffer` belongs to `shape: overlong`, which needs it")
        if self.shape == "overlong" and self.start is not None:
            raise ValueError("`shape: overlong` starts at `end` − `buffer`; drop `start`")
        first = self.start or 0
        if self.end is not None and first >= self.end:
            raise ValueError(f"`start` must be less than `end`: {first} and {self.end}")
        if self.end is not None and self.buffer is not None and self.buffer > self.end:
            raise ValueError(f"`buffer` is at most `end`: {self.buffer} and {self.end}")
        return self
