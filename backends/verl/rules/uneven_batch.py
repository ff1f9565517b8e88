"""A mini batch that is larger than the batch, or does not divide it.

`ppo_mini_batch_size` counts prompts, as `train_batch_size` does, and is 256 where nobody sets it. Without dynamic
batches verl compares the two. With them nothing does: the V1 trainer fills the batch up with empty samples, and the
workers of 0.8.0 and of the V0 trainer stop at the first update.

Why: the run stops, or steps are taken over mini batches that are partly empty.
Source: workers/config/actor.py validate (0.9.1: :225), workers/config/critic.py validate;
trainer/ppo/v1/trainer_base.py:1589-1621, utils/tensordict_utils.py make_iterator; 0.7.1: workers/actor/dp_actor.py:548
Bad:
    data.train_batch_size=32 actor_rollout_ref.actor.ppo_mini_batch_size=64
Good:
    data.train_batch_size=64 actor_rollout_ref.actor.ppo_mini_batch_size=32
Bad (verl 0.8.0):
    data.train_batch_size=32 actor_rollout_ref.actor.ppo_mini_batch_size=24
Bad:
    data.train_batch_size=32 actor_rollout_ref.actor.ppo_mini_batch_size=24
"""

from __future__ import annotations

from collections.abc import Iterator
from math import lcm

from toolspec.backends.verl.lint.derived import (
    ACTOR,
    data_parallel,
    dynamic,
    group,
    has_critic,
    legacy_workers,
    update_prompts,
    uses_v1,
    v1_mode,
)
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity

RULE = Rule("TS101", "uneven-batch", "error")

BATCH = "data.train_batch_size"


def check(view: View) -> Iterator[Found]:
    if v1_mode(view) == "separate_async":
        return  # separate-async-settings: there the batch is a product of the mini batch
    yield from _role(view, ACTOR)
    if has_critic(view) and view.said("critic.ppo_mini_batch_size") is not None:
        yield from _role(view, "critic")


def _role(view: View, role: str) -> Iterator[Found]:
    key = f"{role}.ppo_mini_batch_size"
    batch, mini = view.integer(BATCH), view.integer(key)
    if mini < 1:
        return
    if not dynamic(view, role) and mini > batch:
        yield _found(view, key, mini, batch, "verl compares the two in validate_config and stops")
        return
    prompts = update_prompts(view)
    if mini > prompts or prompts % mini:
        why, severity = _effect(view, mini, prompts)
        yield _found(view, key, mini, prompts, why, severity)


def _effect(view: View, mini: int, prompts: int) -> tuple[str, Severity]:
    if uses_v1(view):
        try:
            unit = lcm(data_parallel(view), mini * group(view))
            empty = f"{-(prompts * group(view)) % unit} "
        except ValueError:
            empty = ""
        why = f"the V1 trainer appends {empty}empty samples, and the last mini batch is made of them"
        return why, "error" if mini > prompts else "warning"
    if legacy_workers(view):
        return "the last update of a step is taken over a smaller mini batch than was asked for", "warning"
    return "the workers assert it at the first update and stop", "error"


def _found(view: View, key: str, mini: int, prompts: int, why: str, severity: Severity = "error") -> Found:
    default = "" if view.said(key) is not None else " (default)"
    relation = (
        f"larger than the batch of {prompts}" if mini > prompts else f"no divisor of the batch of {prompts}"
    )
    fits = max(d for d in range(1, min(mini, prompts) + 1) if prompts % d == 0) if prompts > 0 else mini
    return Found(
        f"a mini batch of {mini} prompts{default} is {relation}",
        (key, BATCH),
        fix=f"{view.name(key)}={fits}",
        changes=(Put(key, fits),),
        why=why,
        severity=severity,
    )
