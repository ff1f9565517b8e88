"""`extra_call`: calls beyond the free ones."""

from __future__ import annotations

from pydantic import Field

from toolspec.specs.section import NonNegative
from toolspec.specs.terms.term import Term


class ExtraCall(Term):
    """The number of valid calls beyond `free`. A bad call counts under `bad_call` only."""

    free: NonNegative = Field(default=1, description="Valid calls that cost nothing.")
