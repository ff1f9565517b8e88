"""`bad_call`: the number of calls that cannot be parsed, name no known tool, or break the tool's schema.

unknown_tool, schema, malformed  a weight of its own for calls of the kind; without one they cost `weight` each
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory
from ts_weigh import Value

KINDS = ("unknown_tool", "schema", "malformed")


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[Value]]:
    """The term's function. Settings: the three kinds."""
    own = {kind: float(settings[kind]) for kind in KINDS if settings.get(kind) is not None}

    async def term(trajectory: Trajectory) -> Value:
        counts = {kind: sum(call.kind == kind for call in trajectory.calls) for kind in KINDS[:2]}
        counts["malformed"] = trajectory.malformed
        units = sum(count for kind, count in counts.items() if kind not in own)
        return Value(float(sum(counts.values())), float(units), sum(own[kind] * counts[kind] for kind in own))

    return term
