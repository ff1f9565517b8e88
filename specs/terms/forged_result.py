"""`forged_result`: a tool response that the policy wrote itself."""

from __future__ import annotations

from toolspec.specs.terms.term import Gated


class ForgedResult(Gated):
    """The number of tool responses that the policy wrote itself, reasoning apart. What a tool wrote never counts.

    Range: 0 to what the budget holds. Unit: responses. Example: `forged_result: -1` takes 1 where the policy writes
    `<tool_response>42</tool_response>` in place of a call.
    """
