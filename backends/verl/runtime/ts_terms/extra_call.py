"""`extra_call`: the number of valid calls beyond `free` (default 1). Bad calls count under bad_call only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function. Setting: free, valid calls that cost nothing."""
    free = int(settings.get("free", 1))

    async def term(trajectory: Trajectory) -> float:
        return float(max(0, len(trajectory.valid) - free))

    return term
