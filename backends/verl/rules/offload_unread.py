"""CPU offload that FSDP 1 does not read.

`offload_policy` is FSDP 2's: it keeps parameters and optimizer on the CPU. FSDP 1, the default strategy, has
`param_offload` and `optimizer_offload`.

Why: the memory that was to be saved is used.
Source: workers/engine/fsdp/transformer_impl.py:430-470 (0.9.1), workers/fsdp_workers.py:596-632 of 0.7.1
Bad:
    actor_rollout_ref.actor.strategy=fsdp actor_rollout_ref.actor.fsdp_config.offload_policy=True
Good:
    actor_rollout_ref.actor.strategy=fsdp2 actor_rollout_ref.actor.fsdp_config.offload_policy=True
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, engine_of, has_critic
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS523", "offload-unread", "warning")


def check(view: View) -> Iterator[Found]:
    if engine_of(view) != "dp":
        return
    roles = [(ACTOR, f"{ACTOR}.fsdp_config"), *([("critic", "critic.fsdp")] if has_critic(view) else [])]
    for role, section in roles:
        key = f"{section}.offload_policy"
        if view.value(key) and view.value(f"{role}.strategy") == "fsdp":
            yield Found(
                f"{view.shown(key)} is read with strategy fsdp2, and {view.shown(f'{role}.strategy')}",
                (key, f"{role}.strategy"),
                fix=f"{role}.strategy=fsdp2",
            )
