"""Fewer batched tokens than sequences.

A step of vLLM takes at least one token of each running sequence: `max_num_batched_tokens` must be at least
`max_num_seqs`, by default 1024 up to 0.8.0 and 256 from 0.9.0 on. verl 0.9.1 raises it itself where prompts are
prefilled whole.

Why: vLLM refuses to start, after the actor has loaded.
Source: workers/rollout/vllm_rollout/vllm_async_server.py:1113-1119 (0.9.1); vLLM SchedulerConfig.verify_max_model_len
(`max_num_batched_tokens … must be greater than or equal to max_num_seqs`)
Bad (verl 0.8.0):
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.max_num_batched_tokens=768
Good:
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.max_num_batched_tokens=8192
Good (verl 0.9.1):
    actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.max_num_batched_tokens=768
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS518", "batched-tokens", "error")

TOKENS, CHUNKED, SEQUENCES = (
    f"{ROLLOUT}.{name}" for name in ("max_num_batched_tokens", "enable_chunked_prefill", "max_num_seqs")
)


def check(view: View) -> Iterator[Found]:
    if view.value(f"{ROLLOUT}.name") != "vllm" or (view.at_least("0.9.1") and not view.true(CHUNKED)):
        return
    tokens = view.integer(TOKENS)
    if tokens < view.integer(SEQUENCES):
        yield Found(
            f"{view.shown(TOKENS)} is below {view.shown(SEQUENCES)}",
            (TOKENS, SEQUENCES),
            fix=f"{TOKENS}=8192, or {SEQUENCES}={tokens}",
            why="vLLM refuses to start",
        )
