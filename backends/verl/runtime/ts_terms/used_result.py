"""`used_result`: 1 when the final answer holds a value that a tool returned and the policy had not put in, else 0.

by  number (default)  the answer's number (as `match: number` takes it) is one of the numbers in a tool's answer
    text              the answer, or what the first group of `pattern` finds in it, stands in a tool's answer as whole
                      words, case and blanks apart

Only answers to valid calls count, and none that is an error. A value that stands in the arguments of any call does
not: an echo would pay for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_number import number, numbers
from ts_text import Pattern, folded
from ts_trajectory import Trajectory


def sources(trajectory: Trajectory) -> tuple[list[str], list[str]]:
    """(texts that tools returned, arguments that the policy wrote)."""
    told = [call.answer.text for call in trajectory.valid if call.answer and not call.answer.error]
    return told, [call.arguments for call in trajectory.calls]


def stands_in(part: str, text: str) -> bool:
    """Whether `part` occurs in `text` as whole words. Both folded."""
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) is not None


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function. Settings: by, pattern. Raises ValueError, re.error."""
    by = settings.get("by", "number")
    if by not in ("number", "text"):
        raise ValueError(f"used_result: by is number or text, not {by!r}")
    pattern = Pattern(settings["pattern"]) if settings.get("pattern") else None

    async def term(trajectory: Trajectory) -> float:
        told, written = sources(trajectory)
        if by == "number":
            value = number(trajectory.answer)
            return float(
                value is not None
                and any(value in numbers(text) for text in told)
                and not any(value in numbers(text) for text in written)
            )
        answer = trajectory.answer if pattern is None else pattern.last(trajectory.answer) or ""
        part = folded(answer, True)
        return float(
            bool(part)
            and any(stands_in(part, folded(text, True)) for text in told)
            and not any(stands_in(part, folded(text, True)) for text in written)
        )

    return term
