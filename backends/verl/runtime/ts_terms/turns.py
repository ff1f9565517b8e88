"""`turns`: the number of turns of the policy, its answer included, beyond `free` (default 1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function. Setting: free, turns that cost nothing."""
    free = int(settings.get("free", 1))

    async def term(trajectory: Trajectory) -> float:
        return float(max(0, len(trajectory.turns) - free))

    return term
