"""vLLM without chunked prefill, and fewer batched tokens than a sequence has.

A prompt is then prefilled whole: `max_num_batched_tokens` (8192) must be at least `max_model_len`. verl 0.9.1 raises it
itself.

Why: vLLM refuses to start, after the actor has loaded.
Source: workers/rollout/vllm_rollout/vllm_async_server.py:1113-1119 (0.9.1) and its lack in 0.7.1 and 0.8.0; vLLM
SchedulerConfig.verify_max_model_len
Bad (verl 0.8.0):
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.enable_chunked_prefill=False
    actor_rollout_ref.rollout.max_num_batched_tokens=2048
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

TOKENS, CHUNKED, LENGTH = (
    f"{ROLLOUT}.{name}" for name in ("max_num_batched_tokens", "enable_chunked_prefill", "max_model_len")
)


def check(view: View) -> Iterator[Found]:
    if view.value(f"{ROLLOUT}.name") != "vllm" or view.true(CHUNKED) or view.at_least("0.9.1"):
        return
    tokens, limit = view.integer(TOKENS), view.value(LENGTH)
    if limit is None:
        limit = view.facts.model().max_position_embeddings
    if not isinstance(limit, int):
        raise NotKnownError(LENGTH)
    if tokens < limit:
        yield Found(
            f"{view.shown(TOKENS)} is below the model length of {limit}, without chunked prefill",
            (TOKENS, CHUNKED, LENGTH),
            fix=f"{TOKENS}={limit}, or {CHUNKED}=True",
            why="vLLM refuses to start",
        )
