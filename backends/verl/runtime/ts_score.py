"""Calls a reward function as verl's naive manager does, and reads its result.

naive.py of the three releases: keywords data_source, solution_str, ground_truth, extra_info; a sync function
runs in a thread, an async one is awaited; a dict counts by its `score`.

What a function of the user's raises that is no Exception is an `Escaped` here: SystemExit and KeyboardInterrupt would
end the worker, and CancelledError would pass for a task that somebody cancelled.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import ts_call
from ts_trajectory import Trajectory, copied

Scorer = Callable[..., Any]


class Escaped(RuntimeError):
    """What the user's code raised was no Exception."""


def told(error: BaseException) -> str:
    """`Type: message`, of an exception without one, or whose `__str__` fails, the type alone."""
    try:
        message = str(error)
    except BaseException:
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def contained(function: Scorer) -> Scorer:
    """The function, and what its result awaits, raising nothing but Exceptions and a task's own CancelledError."""

    async def awaited(result: Awaitable[Any]) -> Any:
        try:
            return await result
        except (Exception, asyncio.CancelledError):
            raise
        except BaseException as error:
            raise Escaped(told(error)) from error

    def run(**given: Any) -> Any:
        try:
            result = function(**given)
        except Exception:
            raise
        except BaseException as error:
            raise Escaped(told(error)) from error
        return awaited(result) if inspect.isawaitable(result) else result

    return run


def finite(value: Any) -> float:
    """A plain float of a number, bool, numpy or torch scalar. Raises TypeError or ValueError for all else."""
    if isinstance(value, str | bytes):
        raise TypeError(f"a score must be a number, not the text {value[:40]!r}")
    result: float = contained(lambda: float(value))()  # it may be an object of the user's
    if not math.isfinite(result):
        raise ValueError(f"a score must be finite, not {result}")
    return result


async def call(function: Scorer, trajectory: Trajectory, further: Mapping[str, Any] | None = None) -> Any:
    """The function's result for one trajectory; raises what it raises. further: more keyword arguments."""
    given = {
        "data_source": trajectory.data_source,
        "solution_str": trajectory.solution,
        "ground_truth": copied(trajectory.ground_truth),
        "extra_info": copied(trajectory.extra_info),
        **(further or {}),
    }
    run = contained(function)
    if inspect.iscoroutinefunction(function):
        return await ts_call.in_task(run(**given), None)
    result = await asyncio.to_thread(run, **given)
    return await ts_call.in_task(result, None) if inspect.isawaitable(result) else result


def value(result: Any) -> float:
    """The number in a result: itself, or a dict's `acc` (0 or 1 in verl's own scorers), else its `score`."""
    if isinstance(result, dict):
        return finite(result["acc"] if "acc" in result else result["score"])
    return finite(result)
