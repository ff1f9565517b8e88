"""A key that the release takes and does nothing with.

Some keys are left over from code that is gone (`data.truncation`, `nccl_timeout`,
`multi_turn.tokenization_sanity_check_mode`), others are read by the V0 trainer and not by V1 (`rollout.trace`,
`trainer.balance_batch`).

Why: the run trains without what the key asks for.
Source: a search of each wheel for a reader (backends/verl/renames.py has the reason of each); verl issue 7815
Bad:
    data.truncation=left
Good:
    data.filter_overlong_prompts=True
Bad (verl 0.9.1):
    transfer_queue.enable=False
Bad:
    actor_rollout_ref.actor.fsdp_config.dtype=float16
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.composition import refusals
from toolspec.backends.verl.lint.derived import ROLLOUT, engine_of, uses_v1
from toolspec.backends.verl.lint.rule import Drop, Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.renames import ONLY_V0, below, gone

RULE = Rule("TS807", "dead-verl-key", "warning")


TYPES = ("actor_rollout_ref.actor.fsdp_config.dtype", "actor_rollout_ref.ref.fsdp_config.dtype")


def check(view: View) -> Iterator[Found]:
    yield from _switched_on(view)
    stopped = {one.said.key_span for one in refusals(view)} if view.run.base else set()
    for said in view.final.values():
        key = said.key
        if said.key_span in stopped:
            continue  # rule refused-override
        if key == f"{ROLLOUT}.val_kwargs.do_sample":
            continue  # rule greedy-validation
        if said.value == view.keys.defaults.get(key) or (view.run.spec is not None and not said.overridden):
            continue  # what a spec lowers to is written for all trainers
        dead = gone(key, view.version)
        if dead is not None and view.keys.knows(key):
            lost = f"; it asked for {dead.lost}" if dead.lost else ""
            yield Found(
                f"verl {view.version} takes `{key}` and does nothing with it: {dead.why}{lost}",
                (key,),
                fix="drop it",
                span=said.key_span,
                changes=(Drop(key),),
                safe=True,
            )
        elif any(below(key, only) for only in ONLY_V0) and uses_v1(view):
            yield Found(
                f"the V1 trainer of verl {view.version} does not read `{key}`",
                (key, "trainer.use_v1"),
                fix="drop it, or trainer.use_v1=False",
                span=said.key_span,
                changes=(Drop(key),),
            )
    yield from _computed_in(view)


def _switched_on(view: View) -> Iterator[Found]:
    """TaskRunnerV1 sets transfer_queue.enable itself (0.9.1 trainer/main_ppo.py:143)."""
    key = "transfer_queue.enable"
    said = view.said(key)
    if said is not None and view.value(key) is False and view.run.spec is None and uses_v1(view):
        yield Found(
            f"`{key}` is false, and the V1 trainer of verl {view.version} sets it to true",
            (key, "trainer.use_v1"),
            fix="drop it, or trainer.use_v1=False",
            span=said.key_span,
        )


def _computed_in(view: View) -> Iterator[Found]:
    """The engine of 0.8.0 and later asks mixed_precision alone (workers/engine/fsdp/transformer_impl.py, 0.9.1:
    :391-400); the workers of 0.7.1 ask this key (fsdp_workers.py:569)."""
    if view.run.spec is not None or not view.at_least("0.8.0") or engine_of(view) != "dp":
        return
    for key in TYPES:
        said = view.said(key)
        if said is not None and view.value(key) not in ("bfloat16", "bf16"):
            yield Found(
                f"verl {view.version} takes `{key}` and does nothing with it: FSDP computes in bf16 unless "
                "fsdp_config.mixed_precision says otherwise",
                (key,),
                fix=f"+{key.removesuffix('dtype')}mixed_precision.param_dtype={view.value(key)}",
                span=said.key_span,
            )
