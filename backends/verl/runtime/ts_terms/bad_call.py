"""`bad_call`: the number of calls that cannot be parsed, name no known tool, or break the tool's schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function; it has no settings."""

    async def term(trajectory: Trajectory) -> float:
        return float(trajectory.bad)

    return term
