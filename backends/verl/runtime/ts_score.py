"""Calls a reward function as verl's naive manager does, and reads its result.

naive.py of the three releases: keywords data_source, solution_str, ground_truth, extra_info; a sync function
runs in a thread, an async one is awaited; a dict counts by its `score`.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory

Scorer = Callable[..., Any]


def finite(value: Any) -> float:
    """A plain float of a number, bool, numpy or torch scalar. Raises TypeError or ValueError for all else."""
    if isinstance(value, str | bytes):
        raise TypeError(f"a score must be a number, not the text {value[:40]!r}")
    result = float(value)
    if not math.isfinite(result):
        raise ValueError(f"a score must be finite, not {result}")
    return result


async def call(function: Scorer, trajectory: Trajectory, further: Mapping[str, Any] | None = None) -> Any:
    """The function's result for one trajectory; raises what it raises. further: more keyword arguments."""
    given = {
        "data_source": trajectory.data_source,
        "solution_str": trajectory.solution,
        "ground_truth": trajectory.ground_truth,
        "extra_info": dict(trajectory.extra_info),
        **(further or {}),
    }
    if inspect.iscoroutinefunction(function):
        return await function(**given)
    result = await asyncio.to_thread(function, **given)
    return await result if inspect.isawaitable(result) else result


def value(result: Any) -> float:
    """The number in a result: itself, or a dict's `acc` (0 or 1 in verl's own scorers), else its `score`."""
    if isinstance(result, dict):
        return finite(result["acc"] if "acc" in result else result["score"])
    return finite(result)
