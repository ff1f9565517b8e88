"""A micro batch given by its old key, which counts over all GPUs.

`ppo_micro_batch_size` and `log_prob_micro_batch_size` were for all GPUs together. validate_config still takes them in
place of `…_per_gpu`; the workers of 0.8.0 and later read `…_per_gpu` alone. With both, validate_config stops; for the
critic one is enough, since its `…_per_gpu` takes the old key's value by default.

Why: the run stops, in validate_config or while the models load.
Source: workers/engine_workers.py:633-637 (0.9.1), :575-578 (0.8.0); workers/config/{actor,critic}.py and
utils/config.py _check_mutually_exclusive of each release; trainer/config/critic/critic.yaml
Bad:
    actor_rollout_ref.actor.ppo_micro_batch_size=32 actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=null
Good:
    actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=4
Bad (verl 0.7.1):
    actor_rollout_ref.rollout.log_prob_micro_batch_size=32
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import (
    ACTOR,
    REF,
    ROLLOUT,
    dynamic,
    has_critic,
    has_reference,
    legacy_workers,
)
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS129", "whole-batch-micro-size", "error")


def check(view: View) -> Iterator[Found]:
    if not dynamic(view):
        yield from _role(view, ACTOR, "ppo_micro_batch_size")
        yield from _role(view, ROLLOUT, "log_prob_micro_batch_size")
        if has_reference(view):
            yield from _role(view, REF, "log_prob_micro_batch_size")
    if has_critic(view) and not dynamic(view, "critic"):
        yield from _role(view, "critic", "ppo_micro_batch_size")


def _role(view: View, section: str, name: str) -> Iterator[Found]:
    old, new = f"{section}.{name}", f"{section}.{name}_per_gpu"
    if view.value(old) is None:
        return
    if view.value(new) is not None:
        copied = " (which takes the former's value)" if view.said(new) is None else ""
        yield Found(
            f"{view.name(old)} and {view.name(new)}{copied} are both set",
            (old, new),
            fix=f"drop {view.name(old)}",
            why="verl stops in validate_config",
        )
    elif not legacy_workers(view):
        yield Found(
            f"{view.name(old)} is set, and verl {view.version} reads {view.name(new)} alone",
            (old, new),
            fix=f"{view.name(new)}=8 in place of it",
            why="it passes validate_config and stops while the models load",
        )
