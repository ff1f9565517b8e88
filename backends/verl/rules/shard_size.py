"""An FSDP shard size that does not divide the GPUs.

`fsdp_size` below the number of GPUs makes a mesh of GPUs // fsdp_size replicas of that many shards. What is left over
is in no mesh. -1 takes all GPUs.

Why: the run stops while the model is built.
Source: workers/engine/fsdp/utils.py create_device_mesh (0.9.1: :47, 0.8.0: :52), workers/fsdp_workers.py of 0.7.1
Bad:
    actor_rollout_ref.actor.fsdp_config.fsdp_size=3
Good:
    actor_rollout_ref.actor.fsdp_config.fsdp_size=4
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, REF, engine_of, gpus, has_critic, has_reference
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS521", "shard-size", "error")


def check(view: View) -> Iterator[Found]:
    if engine_of(view) != "dp":
        return
    sections = [f"{ACTOR}.fsdp_config"]
    if has_reference(view):
        sections.append(f"{REF}.fsdp_config")
    if has_critic(view):
        sections.append("critic.fsdp")
    for section in sections:
        key = f"{section}.fsdp_size"
        size = view.integer(key, null=-1)
        if size < 0:
            continue
        total = gpus(view)
        if size == 0 or (size < total and total % size):
            left = "divides by it" if size == 0 else f"leaves {total % size} of them out of the mesh"
            fits = max(d for d in range(1, max(1, size) + 1) if total % d == 0) if size else -1
            yield Found(
                f"{view.shown(key)} does not divide {total} GPUs",
                (key, "trainer.n_gpus_per_node", "trainer.nnodes"),
                fix=f"{view.name(key)}={fits}",
                why=f"verl {left} while the model is built",
            )
