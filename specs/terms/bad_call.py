"""`bad_call`: calls of a tool that is not there, or that break its schema."""

from __future__ import annotations

from pydantic import Field, model_validator

from toolspec.specs.section import Finite
from toolspec.specs.terms.term import Gated


class BadCall(Gated):
    """The number of calls that cannot be parsed, name no known tool, or whose arguments break the tool's schema.

    Formula: u + s + m, of unknown tools, against the schema, malformed. Range: 0 to the calls that can be written
    in the budget. Unit: calls. Example: `bad_call: {weight: -1, cap: -0.9}` takes 0.9 for one and for three;
    `{weight: -1, malformed: -0.5}` takes 1.5 for an unknown tool and a call that cannot be parsed.
    """

    unknown_tool: Finite | None = Field(
        default=None,
        description="Paid for a call of a tool that the row does not have. Default: the weight.",
    )
    schema_: Finite | None = Field(
        default=None,
        alias="schema",
        description="Paid for a call whose arguments break the tool's schema. Default: the weight.",
    )
    malformed: Finite | None = Field(
        default=None,
        description="Paid for a call that is opened and cannot be parsed. Default: the weight.",
    )

    def pays_more(self) -> bool:
        kinds = (self.unknown_tool, self.schema_, self.malformed)
        return any(kind * (self.cap or 0) > 0 for kind in kinds if kind is not None)

    @model_validator(mode="after")
    def weight_is_of_use(self) -> BadCall:
        kinds = (self.unknown_tool, self.schema_, self.malformed)
        if self.schedule is not None and any(kind is not None for kind in kinds):
            raise ValueError(
                "`schedule` changes `weight`, and a kind with a weight of its own would not follow it; give one of them"
            )
        return self
