"""The registry of reward terms: name → what builds its function. A new term: one file, one line below."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory

from ts_terms import bad_call, correct, extra_call, format, valid_call

Term = Callable[[Trajectory], Awaitable[float]]
Builder = Callable[[Mapping[str, Any], Any], Term]

TERMS: dict[str, Builder] = {
    "correct": correct.build,
    "valid_call": valid_call.build,
    "extra_call": extra_call.build,
    "bad_call": bad_call.build,
    "format": format.build,
}


def build(settings: Mapping[str, Any], compute_score: Any) -> Term:
    """The function of one entry of ts_reward.json's `terms`. Raises ValueError for a name that is no term."""
    name = settings.get("name")
    if name not in TERMS:
        raise ValueError(f"unknown reward term {name!r}, known: {', '.join(TERMS)}")
    return TERMS[name](settings, compute_score)
