"""`valid_call`: the policy called a known tool as its schema asks.

per  once (default)  1 with at least one valid call, else 0
     call            the number of valid calls
     share           valid calls / all calls that were opened, 0 without any
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory

COUNTS: dict[str, Callable[[int, int], float]] = {
    "once": lambda valid, bad: float(valid > 0),
    "call": lambda valid, bad: float(valid),
    "share": lambda valid, bad: valid / max(1, valid + bad),
}


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function. Setting: per. Raises KeyError for any other word."""
    count = COUNTS[settings.get("per", "once")]

    async def term(trajectory: Trajectory) -> float:
        return count(len(trajectory.valid), trajectory.bad)

    return term
