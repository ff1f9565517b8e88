"""Ulysses sequence parallelism without packed sequences.

`ulysses_sequence_parallel_size` above 1 wants `use_remove_padding` of the same model: `actor_rollout_ref.model` for
actor and reference, `critic.model` for the critic, where it is false by default in 0.7.1.

Why: the run stops in validate_config or while the models load.
Source: workers/config/actor.py:334-341 and workers/engine/fsdp/transformer_impl.py:148-151 (0.9.1), :127-130 (0.8.0);
workers/config/critic.py:205-211 of 0.7.1
Bad:
    actor_rollout_ref.actor.ulysses_sequence_parallel_size=2 actor_rollout_ref.model.use_remove_padding=False
Good:
    actor_rollout_ref.actor.ulysses_sequence_parallel_size=2 actor_rollout_ref.model.use_remove_padding=True
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import (
    ACTOR,
    MODEL,
    REF,
    engine_of,
    has_critic,
    has_reference,
    sequence_parallel,
)
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS504", "sequence-parallel-padded", "error")


def check(view: View) -> Iterator[Found]:
    if engine_of(view) != "dp":
        return
    packed = f"{MODEL}.use_remove_padding"
    roles = [(ACTOR, packed)]
    if has_reference(view):
        roles.append((REF, packed))
    if has_critic(view):
        roles.append(("critic", "critic.model.use_remove_padding"))
    seen: set[str] = set()
    for role, key in roles:
        size = sequence_parallel(view, role)
        if size <= 1 or view.value(key) or key in seen:
            continue
        seen.add(key)
        yield Found(
            f"a sequence is split over {size} ranks, and {view.shown(key)}",
            (f"{role}.ulysses_sequence_parallel_size", key),
            fix=f"{key}=True",
            why="verl refuses sequence parallelism without packed sequences",
        )
