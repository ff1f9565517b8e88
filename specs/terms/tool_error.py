"""`tool_error`: the tool failed."""

from __future__ import annotations

from pydantic import Field

from toolspec.specs.terms.term import Gated, Pattern


class ToolError(Gated):
    """The number of valid calls whose tool raised or did not answer in time. What a call itself does wrong counts under
    `bad_call` only.

    Range: 0 to the calls that are executed. Unit: calls. Example: `tool_error: {weight: -0.1, pattern: "^error"}`
    takes 0.1 for a query on which the tool raises, and for one that it answers with `error: no such table`.
    """

    pattern: Pattern | None = Field(
        default=None,
        description="An answer of the tool that matches counts too. Default: what raised or timed out.",
    )
