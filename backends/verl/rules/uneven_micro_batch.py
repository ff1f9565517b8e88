"""The samples of a rank do not split into micro batches.

Without dynamic batches the workers cut what a rank has into micro batches of one size and assert that it comes out
even: the share of a mini batch into `ppo_micro_batch_size_per_gpu`, the share of the whole step into
`log_prob_micro_batch_size_per_gpu`. validate_config does not look at it. The workers of 0.7.1 want it of the update
alone.

Why: the run stops after the first rollout.
Source: workers/engine/utils.py prepare_micro_batches (0.9.1: :125); workers/fsdp_workers.py:262-271 and :1350-1358 of
0.7.1; trainer/ppo/v1/trainer_base.py:1589-1621 (what V1 fills up to)
Bad:
    data.train_batch_size=64 actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=24
Good:
    data.train_batch_size=64 actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=16
Good (verl 0.9.1):
    data.train_batch_size=64 actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=24
    trainer.val_only=True trainer.val_before_train=True
Bad (verl 0.7.1):
    actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=5
Good (verl 0.7.1):
    algorithm.adv_estimator=gae critic.model.path=model critic.use_dynamic_bsz=True critic.ppo_micro_batch_size=16
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import (
    ACTOR,
    REF,
    ROLLOUT,
    data_parallel,
    dynamic,
    engine_of,
    group,
    has_critic,
    has_reference,
    legacy_workers,
    lora_rank,
    samples_of_update,
    uses_v1,
)
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS103", "uneven-micro-batch", "error")

UPDATE, WHOLE = "ppo_micro_batch_size_per_gpu", "ppo_micro_batch_size"
LOOPS = f"{ROLLOUT}.agent.agent_loop_config_path"
LOG_PROB = "log_prob_micro_batch_size_per_gpu"


def check(view: View) -> Iterator[Found]:
    if legacy_workers(view):
        if engine_of(view) == "dp":
            yield from _update(view, ACTOR)
            if has_critic(view):
                yield from _update(view, "critic")
        return
    if dynamic(view) or view.value("trainer.val_only"):
        return
    yield from _update(view, ACTOR)
    if uses_v1(view) and _own_loops(view):
        raise NotKnownError("how many trajectories the agent loops of the user's own make")
    if not view.value("algorithm.rollout_correction.bypass_mode"):
        yield from _step(view, ROLLOUT, ACTOR)
    if has_reference(view):
        if lora_rank(view) > 0:
            return  # the actor without its adapter is the reference, with the rollout's micro batch
        yield from _step(view, REF, REF)


def _own_loops(view: View) -> bool:
    """Whether agent loops of the user's own may run; the loop of a spec's bundle makes one trajectory, as verl's do."""
    said = view.said(LOOPS)
    spec = view.run.spec
    if spec is not None and said is not None and not said.overridden:
        return bool(spec.plan["agent.class"] != "none")
    return bool(view.value(LOOPS))


def _update(view: View, role: str) -> Iterator[Found]:
    key, size, ranks = f"{role}.{UPDATE}", _size(view, f"{role}.{UPDATE}"), data_parallel(view, role)
    if legacy_workers(view) and (whole := _size(view, f"{role}.{WHOLE}")):
        key, size = f"{role}.{WHOLE}", whole // ranks  # they share it out, and it wins
    if not size:
        return
    mini = view.integer(f"{role}.ppo_mini_batch_size") * group(view)
    if mini % ranks and not legacy_workers(view):
        return  # uneven-ranks says it
    if (mini // ranks) % size:
        yield _found(view, key, size, mini // ranks, "of a mini batch", (f"{role}.ppo_mini_batch_size",))


def _step(view: View, section: str, role: str) -> Iterator[Found]:
    key, size = f"{section}.{LOG_PROB}", _size(view, f"{section}.{LOG_PROB}")
    if not size or (section == REF and dynamic(view, REF)):
        return
    samples, ranks = samples_of_update(view), data_parallel(view, role)
    if samples % ranks == 0 and (samples // ranks) % size:
        yield _found(view, key, size, samples // ranks, "of a step", ("data.train_batch_size",))


def _size(view: View, key: str) -> int:
    """0 where it is not set, which micro-batch-missing is about."""
    return view.integer(key, null=0)


def _found(view: View, key: str, size: int, samples: int, what: str, more: tuple[str, ...]) -> Found:
    # The workers of 0.7.1 assert it when they are made, with dynamic batches as well.
    other = "" if legacy_workers(view) else f", or {ACTOR}.use_dynamic_bsz=True"
    fits = max(d for d in range(1, max(1, min(size, samples)) + 1) if samples % d == 0)
    return Found(
        f"the {samples} trajectories {what} that a rank has do not split into micro batches of {size}",
        (key, *more, f"{ROLLOUT}.n", "trainer.n_gpus_per_node"),
        fix=f"{view.name(f'{key}_per_gpu' if key.endswith(WHOLE) else key)}={fits}{other}",
        why=f"the workers assert it, {'when they are made' if legacy_workers(view) else 'after the first rollout'}",
    )
