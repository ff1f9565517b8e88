"""Weights that are trained in half precision.

FSDP holds the weights that the optimizer changes in `fsdp_config.model_dtype`, float32 by default, and computes in
`mixed_precision` beside them. In bfloat16 a weight has 8 significant bits: a change below a 256th of it is lost, and
at a learning rate of 1e-6 nearly every change is.

Why: the policy hardly moves, and the loss looks sound.
Source: workers/config/engine.py FSDPEngineConfig.model_dtype, workers/engine/fsdp/transformer_impl.py (0.9.1:
:252-262), workers/fsdp_workers.py of 0.7.1 (torch_dtype float32 for the actor)
Bad:
    actor_rollout_ref.actor.fsdp_config.model_dtype=bfloat16
Good:
    actor_rollout_ref.actor.fsdp_config.model_dtype=fp32
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, engine_of, has_critic, lora_rank
from toolspec.backends.verl.lint.rule import Found, Put, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS524", "half-precision-weights", "warning")

HALF = frozenset({"bf16", "bfloat16", "fp16", "float16", "half"})


def check(view: View) -> Iterator[Found]:
    if engine_of(view) != "dp" or lora_rank(view) > 0:
        return  # adapters have a learning rate of their own size
    keys = [f"{ACTOR}.fsdp_config.model_dtype"]
    if has_critic(view):
        keys.append("critic.fsdp.model_dtype")
    for key in keys:
        value = view.value(key)
        if isinstance(value, str) and value in HALF:
            yield Found(
                f"{view.shown(key)}: the optimizer changes weights of 8 to 11 significant bits",
                (key,),
                fix=f"{key}=fp32",
                changes=(Put(key, "fp32"),),
                why="at the learning rates of reinforcement learning most of the changes are rounded away",
            )
