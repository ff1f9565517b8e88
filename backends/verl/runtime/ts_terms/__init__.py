"""The registry of reward terms: name → what builds its function. A new term: one file, one line below."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory
from ts_weigh import Value

from ts_terms import (
    bad_call,
    correct,
    extra_call,
    forged_result,
    format,
    length,
    own,
    repeat_call,
    tool_error,
    truncated,
    turns,
    used_result,
    valid_call,
)

Term = Callable[[Trajectory], Awaitable[float | Value]]
Builder = Callable[[Mapping[str, Any], Any], Term]

TERMS: dict[str, Builder] = {
    "correct": correct.build,
    "valid_call": valid_call.build,
    "extra_call": extra_call.build,
    "bad_call": bad_call.build,
    "format": format.build,
    "repeat_call": repeat_call.build,
    "tool_error": tool_error.build,
    "used_result": used_result.build,
    "length": length.build,
    "turns": turns.build,
    "truncated": truncated.build,
    "forged_result": forged_result.build,
}


def build(settings: Mapping[str, Any], compute_score: Any) -> Term:
    """The function of one entry of ts_reward.json's `terms`: one of the above by its name, or, with `own: true`, the
    user's. Raises ValueError for a name that is no term, and what the term's own `build` raises.
    """
    if settings.get("own"):
        return own.build(settings, compute_score)
    name = settings.get("name")
    if name not in TERMS:
        raise ValueError(f"unknown reward term {name!r}, known: {', '.join(TERMS)}")
    return TERMS[name](settings, compute_score)
