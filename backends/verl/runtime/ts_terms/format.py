"""`format`: 1 when the trajectory ends with an answer of its own accord in the asked form, else 0.

Its own accord: the last turn calls no tool, is not empty outside reasoning and was not cut by a limit. The
asked form: `pattern` occurs in the answer; without a pattern any answer will do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_text import Pattern
from ts_trajectory import Trajectory


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function. Setting: pattern. Raises re.error."""
    pattern = Pattern(settings["pattern"]) if settings.get("pattern") else None

    async def term(trajectory: Trajectory) -> float:
        if not trajectory.answer.strip() or trajectory.truncated:
            return 0.0
        return float(pattern is None or pattern.occurs(trajectory.answer))

    return term
