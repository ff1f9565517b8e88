"""`truncated`: 1 when a limit of tokens ended the trajectory, else 0: its last turn was cut, or a tool's answer left no
room.

turns  true: running out of turns on a call counts too
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function. Setting: turns."""
    turns = bool(settings.get("turns"))

    async def term(trajectory: Trajectory) -> float:
        return float(trajectory.out_of_tokens or (turns and trajectory.out_of_turns))

    return term
