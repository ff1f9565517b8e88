"""`valid_call`: the policy called a tool as its schema asks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from toolspec.specs.terms.term import Gated


class ValidCall(Gated):
    """1 when at least one call names a known tool with arguments that fit its schema, else 0. Paid once, unless
    `per` says otherwise.

    Formula: once min(1, v); call v; share v / (v + b), 0 without a call; v valid calls, b bad ones. Range: 0 to 1,
    with `per: call` 0 to the calls that the budget allows. Unit: trajectories, calls or a share. Example:
    `valid_call: 0.2` pays 0.2 for one valid call and for three.
    """

    per: Literal["once", "call", "share"] = Field(
        default="once",
        description=(
            "What is paid: `once` for any valid call, for each `call`, or the `share` of all calls that are valid."
        ),
    )
