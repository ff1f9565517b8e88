"""How each older release says what the table says in the newest one's names, and what it cannot say.

Sources: the release tables (backends/verl/versions), and for the reasons the files named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from toolspec.compiler.plan.decision import Plan

# release → (key or section in the newest names → name there). A section moves with all its keys.
MOVES: Mapping[str, Mapping[str, str]] = {
    "0.7.1": {"critic.fsdp": "critic.model.fsdp_config"},
    "0.8.0": {},
    "0.9.1": {},
}


class Absent(NamedTuple):
    """A key that a release lacks, and the plan value under which that changes nothing.

    harmless: whether the release does what the plan says without the key. instead: what to do otherwise.
    """

    key: str
    harmless: Callable[[Plan], bool]
    instead: str


def _no_filter(plan: Plan) -> bool:
    return not plan.flag("algorithm.filter.enable")


def _v0(plan: Plan) -> bool:
    return bool(plan["train.trainer"] == "v0")


def _always(_: Any) -> bool:
    return True


_FILTER = "set `algorithm.filter: false`, or target verl==0.9.1"
_OLDER: tuple[Absent, ...] = (
    # main_ppo of 0.7.1 and 0.8.0 has no group filter: only recipe/dapo had one, which is not in the wheel.
    Absent("algorithm.filter_groups.enable", _no_filter, _FILTER),
    Absent("algorithm.filter_groups.metric", _no_filter, _FILTER),
    Absent("algorithm.filter_groups.max_inflight_gen_batches", _no_filter, _FILTER),
    # Their main_ppo runs RayPPOTrainer (v0) and nothing else.
    Absent("trainer.use_v1", _v0, "set `train.trainer: v0` or `auto`, or target verl==0.9.1"),
    Absent(
        "actor_rollout_ref.rollout.seed", lambda plan: plan["rollout.seed"] == "release", "target verl==0.9.1"
    ),
)
ABSENT: Mapping[str, tuple[Absent, ...]] = {"0.7.1": _OLDER, "0.8.0": _OLDER, "0.9.1": ()}


class Clash(NamedTuple):
    """Plan values that a release takes and does not do. Refused, with what can."""

    path: str
    releases: tuple[str, ...]
    when: Callable[[Plan], bool]
    message: str
    why: str
    fix: str


CLASHES: tuple[Clash, ...] = (
    Clash(
        "algorithm.name",
        ("0.9.1",),
        lambda plan: plan["algorithm.name"] == "remax" and plan["train.trainer"] == "v1",
        "the v1 trainer of verl {release} samples no greedy baseline, which remax needs",
        "compute_remax_outcome_advantage would miss its reward_baselines at the first step (trainer/ppo/v1)",
        "train: {{trainer: v0}}",
    ),
    Clash(
        "algorithm.filter",
        ("0.9.1",),
        lambda plan: plan.flag("algorithm.filter.enable") and plan["train.trainer"] == "v0",
        "the v0 trainer of verl {release} has no group filter",
        "algorithm.filter_groups is read by the v1 trainer alone (trainer/ppo/v1/trainer_base.py)",
        "train: {{trainer: v1}}, or algorithm.filter: false",
    ),
    Clash(
        "tracking.trace",
        ("0.9.1",),
        lambda plan: plan["tracking.trace"] != "none" and plan["train.trainer"] == "v1",
        "the v1 trainer of verl {release} does not trace",
        "rollout.trace.* has no effect there",
        "train: {{trainer: v0}}, or drop tracking.trace",
    ),
)


def default_trainer(release: str, algorithm: str) -> tuple[str, str]:
    """What `train.trainer: auto` means, with the reason."""
    if release != "0.9.1":
        return "v0", f"default: the trainer of verl {release}"
    if algorithm == "remax":
        return "v0", "derived: remax's greedy baseline is sampled by the v0 trainer only"
    return "v1", f"default: the trainer of verl {release}"


def moved(key: str, release: str) -> str:
    """The name of `key` in `release`."""
    for old, new in MOVES[release].items():
        if key == old or key.startswith(old + "."):
            return new + key[len(old) :]
    return key
