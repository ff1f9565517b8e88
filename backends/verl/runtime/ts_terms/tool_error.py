"""`tool_error`: the number of valid calls whose tool failed: it raised, or did not answer in time.

pattern  counts an answer of the tool that matches it too, for tools that report errors in words

What the call itself did wrong (unknown tool, arguments against the schema) counts under bad_call only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_text import Pattern
from ts_trajectory import Trajectory

FAILED = ("raised", "no_answer")


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function. Setting: pattern. Raises re.error."""
    pattern = Pattern(settings["pattern"]) if settings.get("pattern") else None

    async def term(trajectory: Trajectory) -> float:
        answers = [call.answer for call in trajectory.valid if call.answer is not None]
        return float(
            sum(
                answer.error in FAILED
                or (pattern is not None and not answer.error and pattern.occurs(answer.text))
                for answer in answers
            )
        )

    return term
