"""`forged_result`: the number of tool responses that the policy wrote itself, reasoning apart (ts_forged.py)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function; it has no settings."""

    async def term(trajectory: Trajectory) -> float:
        return float(trajectory.forged)

    return term
