"""`valid_call`: 1 when at least one call names a known tool and fits its schema, else 0. Paid once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function; it has no settings."""

    async def term(trajectory: Trajectory) -> float:
        return float(bool(trajectory.valid))

    return term
