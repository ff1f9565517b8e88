"""A micro batch that has no default is not set.

Without dynamic batches the actor, the critic, the reference (where there is one) and the rollout's log-probabilities
each need `…micro_batch_size_per_gpu`. None of them has a default.

Why: the run stops in validate_config.
Source: utils/config.py validate_config (0.9.1: :155-182), workers/config/{actor,critic}.py __post_init__
Bad:
    actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=null
Good:
    actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=8
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, REF, ROLLOUT, dynamic, has_critic, has_reference
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS104", "micro-batch-missing", "error")


def check(view: View) -> Iterator[Found]:
    if not dynamic(view):
        yield from _unset(view, ACTOR, "ppo_micro_batch_size")
        yield from _unset(view, ROLLOUT, "log_prob_micro_batch_size")
        if has_reference(view):
            yield from _unset(view, REF, "log_prob_micro_batch_size")
    if has_critic(view) and not dynamic(view, "critic"):
        yield from _unset(view, "critic", "ppo_micro_batch_size")


def _unset(view: View, section: str, name: str) -> Iterator[Found]:
    keys = (f"{section}.{name}_per_gpu", f"{section}.{name}")
    if all(view.value(key) is None for key in keys):
        switch = "critic.use_dynamic_bsz" if section == "critic" else f"{ACTOR}.use_dynamic_bsz"
        yield Found(
            f"{view.name(keys[0])} is not set, has no default, and {switch} is false",
            keys,
            fix=f"{view.name(keys[0])}=8, or {switch}=True",
            why="verl stops in validate_config",
            changes=(Put(keys[0], 8),),
        )
