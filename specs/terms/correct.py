"""`correct`: the final answer is right."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from toolspec.specs.section import Finite, Text
from toolspec.specs.terms.term import Term


class Correct(Term):
    """1 when the final answer (the policy's last words, after every call) matches the row's answer, else 0."""

    match: Literal["exact", "number", "regex", "choice", "verl", "python"] = Field(
        default="exact",
        description=(
            "How the answer is compared. `exact`: same text, outer and repeated blanks apart. "
            "`number`: the last number, "
            "after `####` or in \\boxed{} if there is one. `regex`: what `pattern` finds. `choice`: "
            "the last letter that "
            "stands alone. `verl`: the release's scorer for the row's data_source. `python`: a "
            "function of one's own."
        ),
    )
    tolerance: Finite = Field(
        default=0.0, ge=0, description="`number`: largest absolute difference that still counts as equal."
    )
    pattern: Text | None = Field(
        default=None,
        description=(
            "`regex`: its first group (else the whole match) is compared with the answer. Last match counts."
        ),
    )
    python: Text | None = Field(
        default=None,
        description=(
            "`python`: `file.py:name`, called as verl calls a reward function (data_source, "
            "solution_str, ground_truth, "
            "extra_info); its number is the term's value."
        ),
    )

    @model_validator(mode="after")
    def settings_fit_the_match(self) -> Correct:
        if (self.match == "regex") != (self.pattern is not None):
            raise ValueError("`pattern` belongs to `match: regex`, which needs it")
        if (self.match == "python") != (self.python is not None):
            raise ValueError("`python` belongs to `match: python`, which needs it")
        if self.tolerance and self.match != "number":
            raise ValueError("`tolerance` belongs to `match: number`")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"`pattern` is not a regular expression: {error}") from None
        return self
