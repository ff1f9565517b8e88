"""`repeat_call`: the same call again."""

from __future__ import annotations

from toolspec.specs.terms.term import Gated


class RepeatCall(Gated):
    """The number of valid calls that repeat an earlier one: same tool, and arguments of the same JSON value.

    Formula: v − d, v valid calls, d different ones. Range: 0 to the calls that the budget allows, less one. Unit:
    calls. Example: `repeat_call: -0.1` takes 0.2 where one call is made three times; `extra_call` may take for them
    as well.
    """
