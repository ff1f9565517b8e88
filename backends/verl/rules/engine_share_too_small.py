"""A rollout engine whose share of the GPU does not hold the model.

The weights take two bytes a parameter, over the tensor parallel GPUs of an engine. What is left of
`gpu_memory_utilization` is the KV cache. Where nothing says which GPU it is, 80 GiB are assumed and the finding is a
warning.

Why: the engine stops with no memory for the cache, after the actor has loaded.
Source: workers/rollout/vllm_rollout/vllm_async_server.py and sglang_rollout/async_sglang_server.py (the share is handed
on); vLLM determine_available_memory, SGLang profile_max_num_token
Bad:
    actor_rollout_ref.rollout.gpu_memory_utilization=0.05
Good:
    actor_rollout_ref.rollout.gpu_memory_utilization=0.3
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MODEL, ROLLOUT
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.rules.memory_share import SHARE
from toolspec.backends.verl.rules.uneven_tensor_parallel import PARALLEL, TENSOR
from toolspec.specs.problem import Severity

RULE = Rule("TS514", "engine-share-too-small", "error")

ASSUMED_GIB = 80.0
BYTES = {"bfloat16": 2, "float16": 2, "half": 2, "auto": 2, "float32": 4, "float": 4}


def check(view: View) -> Iterator[Found]:
    share, facts = view.number(SHARE), view.facts.model()
    each = BYTES.get(view.text(f"{ROLLOUT}.dtype"))
    if facts.quantization or view.value(f"{ROLLOUT}.quantization") or each is None or not 0 < share <= 1:
        return
    if not facts.parameters:
        raise NotKnownError(f"the size of {facts.name}")
    ranks = view.integer(TENSOR) * view.integer(PARALLEL[2], null=1)
    if view.integer(f"{ROLLOUT}.expert_parallel_size", null=1) > 1:
        ranks *= view.integer(PARALLEL[1], null=1)
    weights = facts.parameters * each / 2**30 / max(1, ranks)
    memory, what, severity = _memory(view)
    if weights < memory * share:
        return
    least = min(0.9, -(-(weights / memory + 0.1) * 20 // 1) / 20)
    yield Found(
        f"the weights of {facts.name} take {weights:.1f} GiB a GPU at {ranks} GPU(s) an engine, and "
        f"gpu_memory_utilization={share:g} of {what} is {memory * share:.1f} GiB",
        (SHARE, TENSOR, f"{MODEL}.path"),
        fix=f"{SHARE}={least:g}" if weights / memory < 0.8 else f"a larger {TENSOR}",
        why="no memory is left for the KV cache",
        severity=severity,
    )


def _memory(view: View) -> tuple[float, str, Severity]:
    try:
        gpu = view.facts.gpu()
    except NotKnownError:
        return ASSUMED_GIB, f"{ASSUMED_GIB:g} GiB (assumed)", "warning"
    return gpu.memory_gib, f"{gpu.title}'s {gpu.memory_gib:g} GiB", "error"
