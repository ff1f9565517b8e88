"""How many tokens the engine lets one turn have.

Source: `generate` of sglang_rollout/async_sglang_server.py (0.7.1 :343-369, 0.8.0 :550-576, 0.9.1 :588-614) and of
vllm_rollout/vllm_async_server.py (0.7.1 :520-546, 0.8.0 :474-502, 0.9.1 :593-621).
"""

from __future__ import annotations

from typing import Literal


def turn_limit(
    release: str,
    engine: Literal["sglang", "vllm"],
    prompt_length: int,
    response_length: int,
    max_model_len: int,
    so_far: int,
    max_tokens: int | None = None,
) -> int | None:
    """The most tokens of a turn; None where the engine refuses, because the context is full.

    so_far: tokens of the prompt and of all turns. max_tokens: of the request, which wins over the configured lengths.
    """
    later = release != "0.7.1"
    # SGLang keeps one token of the context from 0.8.0 on; vLLM writes at least one, and so needs room for it.
    room = max_model_len - so_far - (later and engine == "sglang")
    least = int(later and engine == "vllm")
    if room < least:
        return None
    if max_tokens is None:
        max_tokens = min(response_length, prompt_length + response_length - so_far)
    return max(least, min(max_tokens, room))
