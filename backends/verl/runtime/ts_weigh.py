"""What a term pays: its value by weight, schedule, gate and cap.

An entry of ts_reward.json's `terms`:

    {"name": "valid_call", "weight": 0.5, "schedule": [[200, 0.1]], "between": "hold", "cap": 0.5, "only_if": "correct"}

    paid = 0 where `only_if: correct` and the answer is not right (the value of `correct` is below 1), else
    weight(step) × units + fixed, at most `cap` where that is above zero, at least `cap` where it is below.

weight(step) is `weight` before the first step of `schedule`; from a step on the weight beside it (`hold`), or on the
straight line between the two (`linear`).

The step is known where verl says it. V1 (0.8.0 main_ppo_sync, 0.9.1): the column `global_steps`. V0: no column, but the
engine's servers put the version of their weights into the loop's extra fields (0.7.1 async_sglang_server.py:422 and
vllm_async_server.py:612, 0.8.0 :658 and :558, 0.9.1 :701 and :689). The weights of version s generate training step
s + 1 (0.7.1 ray_trainer.py:1252 and :1533), and are validated as step s: the row's `extra_info.split` tells the two
apart, and without it a validation row counts as one of training. Where neither is there, a schedule is a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ts_trajectory import lookup, plain

VALIDATION = ("val", "validation", "valid", "test", "eval")


class Value(NamedTuple):
    """What a term is worth. value: as told in metrics and records. units: times the weight. fixed: added as it is."""

    value: float
    units: float
    fixed: float = 0.0


def valued(found: float | Value) -> Value:
    """A plain number is its own units."""
    return found if isinstance(found, Value) else Value(float(found), float(found))


def step_of(row: Mapping[str, Any]) -> int | None:
    """The training step of a row, from 1; None where verl does not say."""
    told = plain(row.get("global_steps"))
    if isinstance(told, int) and not isinstance(told, bool) and told >= 0:
        return told
    version = plain((row.get("tool_extra_fields") or {}).get("global_steps"))
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        return None
    return version if lookup(row, "extra_info.split") in VALIDATION else version + 1


def check(settings: Mapping[str, Any]) -> None:
    """Raises ValueError for an entry whose payment has no meaning."""
    name = settings["name"]
    if settings.get("between", "hold") not in ("hold", "linear"):
        raise ValueError(f"{name}: between is hold or linear, not {settings['between']!r}")
    if settings.get("only_if") not in (None, "correct"):
        raise ValueError(f"{name}: only_if is correct, not {settings['only_if']!r}")
    steps = [int(step) for step, _ in settings.get("schedule") or ()]
    if any(later <= earlier for earlier, later in zip([0, *steps], steps, strict=False)):
        raise ValueError(f"{name}: the steps of a schedule rise from 1, not {steps}")


def weight_at(settings: Mapping[str, Any], step: int | None) -> float:
    """The weight at a training step. Raises ValueError where there is a schedule and the step is not known."""
    points = [(0, float(settings["weight"]))]
    points += [(int(at), float(weight)) for at, weight in settings.get("schedule") or ()]
    if len(points) == 1:
        return points[0][1]
    if step is None:
        raise ValueError(f"the step is not known, and {settings['name']} has a schedule")
    (before, weight), after = points[0], None
    for point in points:
        if point[0] > step:
            after = point
            break
        before, weight = point
    if after is None or settings.get("between", "hold") == "hold":
        return weight
    return weight + (after[1] - weight) * (step - before) / (after[0] - before)


def paid(settings: Mapping[str, Any], found: Value, right: bool, step: int | None) -> float:
    """What the term adds to the score. right: whether the answer is; step: see `step_of`."""
    if settings.get("only_if") == "correct" and not right:
        return 0.0
    amount = weight_at(settings, step) * found.units + found.fixed
    cap = settings.get("cap")
    if cap is None:
        return amount
    return min(amount, float(cap)) if cap > 0 else max(amount, float(cap))
