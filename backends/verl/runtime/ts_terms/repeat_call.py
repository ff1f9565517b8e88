"""`repeat_call`: the number of valid calls that repeat an earlier valid one: same tool, same arguments.

Arguments are compared as JSON values: neither blanks nor the order of keys matter, 1 and 1.0 are the same, true and 1
are not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import ts_json
from ts_trajectory import Trajectory


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function; it has no settings."""

    async def term(trajectory: Trajectory) -> float:
        made = [(call.name, ts_json.canonical(call.arguments)) for call in trajectory.valid]
        return float(len(made) - len(set(made)))

    return term
