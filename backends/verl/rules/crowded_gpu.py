"""A rollout engine that leaves the trainer on the same GPU no room.

Actor, critic, reference and their optimizer sit on the GPUs of the rollout unless they are offloaded, and at every
weight synchronisation both are in memory. An engine that takes more than 0.85 of the GPU leaves too little.

Why: the run dies of memory at a weight synchronisation or at an update.
Source: workers/engine_workers.py update_weights (0.9.1: :745-800), workers/fsdp_workers.py rollout_mode of 0.7.1;
trainer/config/engine/fsdp.yaml (no offload by default); verl issues with OutOfMemoryError at resume
Bad:
    actor_rollout_ref.rollout.gpu_memory_utilization=0.9
Good:
    actor_rollout_ref.rollout.gpu_memory_utilization=0.9 actor_rollout_ref.actor.fsdp_config.param_offload=True
    actor_rollout_ref.actor.fsdp_config.optimizer_offload=True
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, engine_of, lora_rank, shared_gpus
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.rules.memory_share import SHARE

RULE = Rule("TS513", "crowded-gpu", "warning")

MOST = 0.85
SECTION = {"dp": f"{ACTOR}.fsdp_config", "megatron": f"{ACTOR}.megatron", "veomni": f"{ACTOR}.veomni"}


def check(view: View) -> Iterator[Found]:
    share, section = view.number(SHARE), SECTION.get(engine_of(view))
    if not MOST < share <= 1 or section is None or not shared_gpus(view) or lora_rank(view) > 0:
        return
    keys = (f"{section}.param_offload", f"{section}.optimizer_offload", f"{section}.offload_policy")
    if any(view.value(key) for key in keys):
        return
    yield Found(
        f"the engine takes {share:g} of each GPU, and the actor's parameters and optimizer stay beside it",
        (SHARE, keys[0], keys[1]),
        fix=f"{SHARE}=0.6, or {keys[0]}=True {keys[1]}=True",
        why="both are in memory at every weight synchronisation",
    )
