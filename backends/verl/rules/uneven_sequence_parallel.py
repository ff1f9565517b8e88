"""The GPUs, or the model's heads, do not split over the ranks that share a sequence.

Ulysses gives each rank of a group some of the attention heads: the heads must be a multiple of the group, and the
key-value heads a multiple of it or a divisor. The GPUs must split into such groups.

Why: the run stops while the models load.
Source: models/transformers/monkey_patch.py apply_monkey_patch (0.9.1: :343-349, 0.8.0: :338-341, 0.7.1: :333-336);
workers/engine/fsdp/transformer_impl.py _init_device_mesh
Bad:
    actor_rollout_ref.actor.ulysses_sequence_parallel_size=3 trainer.n_gpus_per_node=6
    data.train_batch_size=36 actor_rollout_ref.actor.ppo_mini_batch_size=36
Good:
    actor_rollout_ref.actor.ulysses_sequence_parallel_size=2
Bad:
    actor_rollout_ref.actor.ulysses_sequence_parallel_size=16
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import (
    ACTOR,
    MODEL,
    REF,
    engine_of,
    gpus,
    has_critic,
    has_reference,
    sequence_parallel,
)
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS505", "uneven-sequence-parallel", "error")


def check(view: View) -> Iterator[Found]:
    if engine_of(view) not in ("dp", "veomni"):
        return
    roles = [ACTOR]
    if has_reference(view) and view.said(f"{REF}.ulysses_sequence_parallel_size") is not None:
        roles.append(REF)  # else it follows the actor
    if has_critic(view):
        roles.append("critic")
    sizes = [(role, sequence_parallel(view, role)) for role in roles]
    total = gpus(view)
    for role, size in sizes:
        if size > 1 and total > 0 and total % size:
            fits = max(d for d in range(1, min(size, total) + 1) if total % d == 0)
            yield Found(
                f"{total} GPUs do not split into groups of {size} ranks a sequence",
                (_key(view, role), "trainer.n_gpus_per_node", "trainer.nnodes"),
                fix=f"{_key(view, role)}={fits}",
                why="the mesh of ranks cannot be made",
            )
    for role, size in sizes:
        if size > 1:
            yield from _heads(view, role, size)


def _key(view: View, role: str) -> str:
    own = f"{role}.ulysses_sequence_parallel_size"
    engine = f"{role}.fsdp" if role == "critic" else f"{role}.fsdp_config"
    other = f"{engine}.ulysses_sequence_parallel_size"
    if engine_of(view) == "veomni":
        return f"{role}.veomni.ulysses_parallel_size"
    return other if view.said(own) is None and view.said(other) is not None else own


def _heads(view: View, role: str, size: int) -> Iterator[Found]:
    path = "critic.model.path" if role == "critic" else f"{MODEL}.path"
    facts = view.facts.model(path)
    heads, kv = facts.heads, facts.kv_heads
    if heads is None or engine_of(view) != "dp":
        return
    if heads % size:
        fits = max(d for d in range(1, size) if heads % d == 0 and gpus(view) % d == 0)
        what = f"{heads} attention heads"
    elif kv and kv % size and size % kv:
        fits = max(d for d in range(1, size) if heads % d == 0 and (kv % d == 0 or d % kv == 0))
        what = f"{kv} key-value heads"
    else:
        return
    yield Found(
        f"{facts.name} has {what}, which do not split over {size} ranks a sequence",
        (_key(view, role), path),
        fix=f"{_key(view, role)}={fits}",
        why="verl asserts it while the model loads",
    )
