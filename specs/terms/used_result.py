"""`used_result`: the answer holds what a tool returned."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from toolspec.specs.terms.term import Gated, Pattern


class UsedResult(Gated):
    """1 when the final answer holds a value that a tool returned and that stands in no call's arguments, else 0.

    Range: 0 or 1. Unit: trajectories. Example: `used_result: {weight: 0.1, only_if: correct}` pays 0.1 for the
    right answer 42 where the calculator returned 42, and nothing where the policy knew it.
    """

    by: Literal["number", "text"] = Field(
        default="number",
        description=(
            "`number`: the answer's number, as `match: number` takes it, is one of the tool's. `text`: the "
            "answer stands in the tool's text as whole words, case apart."
        ),
    )
    pattern: Pattern | None = Field(
        default=None,
        description=(
            "`text`: its last match (first group) in the answer is what must stand there. Default: the whole answer."
        ),
    )

    @model_validator(mode="after")
    def pattern_is_of_text(self) -> UsedResult:
        if self.pattern is not None and self.by != "text":
            raise ValueError("`pattern` belongs to `by: text`")
        return self
