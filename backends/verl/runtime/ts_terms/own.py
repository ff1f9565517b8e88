"""A term of the user's: `python: {file, function}`, called as `function(trajectory=…, **kwargs)`
with a Trajectory.

It runs in a thread of its own within `timeout_s` seconds (default 10); an async function is awaited. Its number is the
term's value. What it raises, a value that is no finite number and a missed time are faults. What it writes into the
trajectory's mappings and lists no other term sees.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import ts_call
import ts_load
import ts_score
from ts_trajectory import Trajectory, copied

LISTS = ("truths", "ground_truth", "extra_info")

SECONDS = 10.0


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function. Raises what loading the user's file raises."""
    name, code = str(settings["name"]), settings["python"]
    function = ts_score.contained(ts_load.load_object(code["file"], code["function"]))
    seconds = float(settings.get("timeout_s") or SECONDS)
    kwargs = dict(settings.get("kwargs") or {})
    door = ts_call.gate(f"reward.{name}", None)

    async def term(trajectory: Trajectory) -> float:
        lists = {each: copied(getattr(trajectory, each)) for each in LISTS}
        given = {**kwargs, "trajectory": dataclasses.replace(trajectory, **lists)}
        try:
            return ts_score.finite(await ts_call.call(function, given, seconds, door))
        except ts_call.Refused as error:
            raise TimeoutError(f"{name}: {str(error).replace('the tool', code['function'])}") from None
        except ts_score.Escaped as error:
            raise RuntimeError(f"{name}: {error}") from error

    return term
