"""A share of the GPU's memory that is none.

`rollout.gpu_memory_utilization` is a fraction of the GPU: vLLM's gpu_memory_utilization, SGLang's mem_fraction_static.

Why: the engine refuses to start, after the actor has loaded.
Source: workers/rollout/vllm_rollout/vllm_async_server.py:340 (0.9.1), :268 (0.8.0), :317 (0.7.1);
workers/rollout/sglang_rollout/async_sglang_server.py:317 (0.9.1), :288 (0.8.0), :182 (0.7.1): handed on as it is
Bad:
    actor_rollout_ref.rollout.gpu_memory_utilization=1.8
Good:
    actor_rollout_ref.rollout.gpu_memory_utilization=0.6
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS512", "memory-share", "error")

SHARE = f"{ROLLOUT}.gpu_memory_utilization"


def check(view: View) -> Iterator[Found]:
    share = view.number(SHARE)
    if not 0 < share <= 1:
        sensible = share / 100 if 1 < share <= 95 and share == int(share) else 0.5
        yield Found(
            f"{view.shown(SHARE)} is no fraction of a GPU's memory",
            (SHARE,),
            fix=f"{SHARE}={sensible:g}",
            why="the engine refuses it when it starts",
        )
