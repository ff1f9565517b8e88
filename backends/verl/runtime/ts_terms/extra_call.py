"""`extra_call`: the number of valid calls beyond those that are free. Bad calls count under bad_call only.

free  a number (default 1), or `needed_calls`: the row's own number, extra_info.needed_calls
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory, plain

NEEDED = "needed_calls"


def needed(trajectory: Trajectory) -> int:
    """The row's number of calls. Raises ValueError where the row says none."""
    told = plain(trajectory.extra_info.get(NEEDED))
    if isinstance(told, bool) or not isinstance(told, int | float) or told != int(told) or told < 0:
        raise ValueError(f"extra_info.{NEEDED} must be a number of calls, not {told!r}")
    return int(told)


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function. Setting: free."""
    free = settings.get("free", 1)

    async def term(trajectory: Trajectory) -> float:
        allowed = needed(trajectory) if free == NEEDED else int(free)
        return float(max(0, len(trajectory.valid) - allowed))

    return term
