"""`format`: the answer has the asked form."""

from __future__ import annotations

import re

from pydantic import Field, model_validator

from toolspec.specs.section import Text
from toolspec.specs.terms.term import Term


class Format(Term):
    """1 when the trajectory ends with an answer of its own accord (not cut, not a call) in the asked form, else 0."""

    pattern: Text | None = Field(
        default=None,
        description="A regular expression that the answer must contain. Default: any non-empty answer.",
    )

    @model_validator(mode="after")
    def pattern_compiles(self) -> Format:
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"`pattern` is not a regular expression: {error}") from None
        return self
