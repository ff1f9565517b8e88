"""`extra_call`: calls beyond the free ones."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from toolspec.specs.section import NonNegative
from toolspec.specs.terms.term import Gated


class ExtraCall(Gated):
    """The number of valid calls beyond `free`. A bad call counts under `bad_call` only.

    Formula: max(0, v − free), v valid calls. Range: 0 to the calls that the budget allows. Unit: calls. Example:
    `extra_call: -0.1` takes 0.2 for three valid calls.
    """

    free: NonNegative | Literal["needed_calls"] = Field(
        default=1,
        description=(
            "Valid calls that cost nothing; `needed_calls`: as many as the row says in extra_info.needed_calls."
        ),
    )
