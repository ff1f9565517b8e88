"""Tensor parallelism that does not divide the model's attention heads.

The engine gives each GPU some of the heads: their number must be a multiple of the tensor parallel size, and the
key-value heads a multiple of it or a divisor. The same holds for Megatron's heads.

Why: the engine refuses to start, after the actor has loaded.
Source: vLLM ModelConfig.verify_with_parallel_config and SGLang's attention classes (assert); Megatron-Core
TransformerConfig; workers/rollout/vllm_rollout/vllm_async_server.py and sglang_rollout/async_sglang_server.py hand the
size on as it is
Bad:
    actor_rollout_ref.rollout.tensor_model_parallel_size=3 trainer.n_gpus_per_node=6
    data.train_batch_size=36 actor_rollout_ref.actor.ppo_mini_batch_size=36
Good:
    actor_rollout_ref.rollout.tensor_model_parallel_size=4
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, MODEL, ROLLOUT, engine_of
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.rules.uneven_tensor_parallel import TENSOR

RULE = Rule("TS507", "attention-heads", "error")

MEGATRON = f"{ACTOR}.megatron.tensor_model_parallel_size"


def check(view: View) -> Iterator[Found]:
    sizes = [(TENSOR, view.integer(TENSOR), "the engine refuses to start")]
    if engine_of(view) == "megatron":
        sizes.append((MEGATRON, view.integer(MEGATRON), "Megatron refuses to build the model"))
    sizes = [entry for entry in sizes if entry[1] > 1]
    if not sizes:
        return
    if any(
        view.value(f"{ROLLOUT}.engine_kwargs.sglang.{name}") for name in ("enable_dp_attention", "dp_size")
    ):
        return
    facts = view.facts.model()
    heads, kv = facts.heads, facts.kv_heads
    for key, size, why in sizes:
        if heads and heads % size:
            what = f"{heads} attention heads"
        elif key == TENSOR and kv and kv % size and size % kv:
            what = f"{kv} key-value heads"
        else:
            continue
        fits = max(d for d in range(1, size) if not heads or heads % d == 0)
        yield Found(
            f"{facts.name} has {what}, which do not split over a tensor parallel size of {size}",
            (key, f"{MODEL}.path"),
            fix=f"{key}={fits}",
            why=why,
        )
