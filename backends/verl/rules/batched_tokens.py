"""Fewer batched tokens than vLLM needs for a sequence, or for one token of each.

Without chunked prefill a prompt is prefilled whole: `max_num_batched_tokens` (8192) must be at least `max_model_len`.
verl 0.9.1 raises it itself. In any case it must be at least `max_num_seqs`, by default 1024 up to 0.8.0 and 256 from
0.9.0 on.

Why: vLLM refuses to start, after the actor has loaded.
Source: workers/rollout/vllm_rollout/vllm_async_server.py:1113-1119 (0.9.1) and its lack in 0.7.1 and 0.8.0; vLLM
SchedulerConfig.verify_max_model_len (`max_num_batched_tokens … must be greater than or equal to max_num_seqs`)
Bad (verl 0.8.0):
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.enable_chunked_prefill=False
    actor_rollout_ref.rollout.max_num_batched_tokens=2048
Bad (verl 0.8.0):
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.max_num_batched_tokens=768
Good:
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.enable_chunked_prefill=False
    actor_rollout_ref.rollout.max_num_batched_tokens=8192
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS518", "batched-tokens", "error")

TOKENS, CHUNKED, LENGTH, SEQUENCES = (
    f"{ROLLOUT}.{name}"
    for name in ("max_num_batched_tokens", "enable_chunked_prefill", "max_model_len", "max_num_seqs")
)
STOPS = "vLLM refuses to start"


def check(view: View) -> Iterator[Found]:
    if view.value(f"{ROLLOUT}.name") != "vllm":
        return
    tokens, whole = view.integer(TOKENS), not view.true(CHUNKED)
    if (not whole or not view.at_least("0.9.1")) and tokens < view.integer(SEQUENCES):
        yield Found(
            f"{view.shown(TOKENS)} is below {view.shown(SEQUENCES)}",
            (TOKENS, SEQUENCES),
            fix=f"{TOKENS}=8192, or {SEQUENCES}={tokens}",
            why=STOPS,
        )
    if not whole or view.at_least("0.9.1"):
        return
    limit = view.value(LENGTH)
    if limit is None:
        limit = view.facts.model().max_position_embeddings
    if not isinstance(limit, int):
        raise NotKnownError(LENGTH)
    if tokens < limit:
        yield Found(
            f"{view.shown(TOKENS)} is below the model length of {limit}, without chunked prefill",
            (TOKENS, CHUNKED, LENGTH),
            fix=f"{TOKENS}={limit}, or {CHUNKED}=True",
            why=STOPS,
        )
