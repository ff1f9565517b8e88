"""A token budget that cannot hold one sequence.

With dynamic batches a rank takes as many sequences as fit into `…_max_token_len_per_gpu` × its sequence parallel size,
and asserts that one fits. The critic has a budget of its own: from 0.8.0 on its engine always batches by tokens, with
`critic.ppo_max_token_len_per_gpu` for updates (V0) and `critic.ppo_infer_max_token_len_per_gpu` (32768, in no default)
for values, and the V1 trainer takes the latter for both.

Why: the run stops at the first step with such a sequence (0.7.1: at the first step). A warning where the budget holds a
whole response and a short prompt.
Source: utils/seqlen_balancing.py rearrange_micro_batches (0.9.1: :384); workers/engine/utils.py:103-106;
trainer/ppo/v1/trainer_base.py:266-268, trainer/ppo/ray_trainer.py:810-811 (0.9.1), :813-814 (0.8.0);
workers/fsdp_workers.py:1652 of 0.7.1
Bad:
    actor_rollout_ref.actor.use_dynamic_bsz=True actor_rollout_ref.actor.ppo_max_token_len_per_gpu=2048
Bad:
    actor_rollout_ref.actor.use_dynamic_bsz=True actor_rollout_ref.actor.ppo_max_token_len_per_gpu=2500
Good:
    actor_rollout_ref.actor.use_dynamic_bsz=True actor_rollout_ref.actor.ppo_max_token_len_per_gpu=6144
Bad (verl 0.8.0):
    algorithm.adv_estimator=gae critic.model.path=model critic.ppo_micro_batch_size_per_gpu=4
    critic.ppo_max_token_len_per_gpu=2048
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import (
    ACTOR,
    LENGTHS,
    REF,
    ROLLOUT,
    dynamic,
    has_critic,
    has_reference,
    legacy_workers,
    longest,
    lora_rank,
    sequence_parallel,
    uses_v1,
)
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS205", "token-budget-too-small", "error")

INFER = "critic.ppo_infer_max_token_len_per_gpu"
INFER_DEFAULT = 32768


def check(view: View) -> Iterator[Found]:
    tokens = _tokens(view)
    if dynamic(view):
        yield from _short(view, f"{ACTOR}.ppo_max_token_len_per_gpu", ACTOR, tokens)
    if dynamic(view, ROLLOUT):
        yield from _short(view, f"{ROLLOUT}.log_prob_max_token_len_per_gpu", ACTOR, tokens)
    if dynamic(view, REF) and has_reference(view) and lora_rank(view) == 0:
        yield from _short(view, f"{REF}.log_prob_max_token_len_per_gpu", REF, tokens)
    if has_critic(view):
        yield from _critic(view, tokens)


def _tokens(view: View) -> int:
    """The longest sequence: the limits of prompt and response, or what the engine takes.

    0.7.1 compares the padded width, which is that of the limits.
    """
    tokens, limit = longest(view), view.value(f"{ROLLOUT}.max_model_len")
    if legacy_workers(view) or not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        return tokens
    return min(tokens, limit)


def _critic(view: View, tokens: int) -> Iterator[Found]:
    update = "critic.ppo_max_token_len_per_gpu"
    if legacy_workers(view):
        if dynamic(view, "critic"):
            yield from _short(view, update, "critic", tokens)
            yield from _short(view, "critic.forward_max_token_len_per_gpu", "critic", tokens)
        return
    if not uses_v1(view):
        yield from _short(view, update, "critic", tokens)
    elif view.said(update) is not None and view.value(update) != INFER_DEFAULT and view.value(INFER) is None:
        yield Found(
            f"the V1 trainer does not read {update}: the critic's batches take {INFER_DEFAULT} tokens a GPU"
            + (
                f", and {view.value(update)} would not hold one sequence of {tokens}"
                if _less(view, update, tokens)
                else ""
            ),
            (update,),
            fix=f"+{INFER}={max(tokens, view.integer(update))}",
            why="it gives the critic's engine the budget for inference in place of that for updates",
            severity="warning",
        )
    budget = view.value(INFER)
    size = INFER_DEFAULT if budget is None else view.integer(INFER)
    parallel = sequence_parallel(view, "critic")
    if size * parallel < tokens:
        yield Found(
            f"the critic's budget for values, {INFER}={size}{' (default)' if budget is None else ''} × {parallel}, "
            f"cannot hold one sequence of {tokens} tokens",
            (INFER, *LENGTHS),
            fix=f"+{INFER}={-(-tokens // parallel)}",
            why="verl asserts it at the first such sequence",
        )


def _less(view: View, key: str, tokens: int) -> bool:
    return view.integer(key) * sequence_parallel(view, "critic") < tokens


def _short(view: View, key: str, role: str, tokens: int) -> Iterator[Found]:
    if view.value(key) is None:
        return
    budget, parallel = view.integer(key), sequence_parallel(view, role)
    if budget * parallel >= tokens:
        return
    shared = f" × {parallel} ranks a sequence" if parallel > 1 else ""
    # The padded width is compared up to 0.7.1; later ones compare what a trajectory has, and of one that uses up its
    # response only the prompt says whether it fits.
    certain = legacy_workers(view) or budget * parallel <= view.integer(LENGTHS[1])
    yield Found(
        f"{view.shown(key)}{shared} cannot hold one sequence of {tokens} tokens",
        (key, *LENGTHS),
        fix=f"{view.name(key)}={-(-tokens // parallel)}",
        why="verl asserts it at the first step" + ("" if legacy_workers(view) else " with such a sequence"),
        span=view.span(key, f"{ACTOR}.ppo_max_token_len_per_gpu", *LENGTHS),
        severity=None if certain else "warning",
    )
