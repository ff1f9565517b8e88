"""Parameters, gradients and optimizer that do not fit into the GPUs.

With FSDP an update holds, for each parameter, the parameter and its gradient (4 bytes each in fp32, verl's
default, 2 in bf16) and Adam's two moments (the same each), split over the ranks of the shard. Offloading moves them
between phases and not during the update. Activations come on top: this is a lower bound.

Why: the run dies of memory at the first update.
Source: trainer/config/engine/fsdp.yaml (model_dtype fp32), workers/engine/fsdp/transformer_impl.py (train_mode loads
what is offloaded), workers/fsdp_workers.py update_actor of 0.7.1
Bad:
    trainer.n_gpus_per_node=1 actor_rollout_ref.rollout.n=8
--- model/config.json
    {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 8192, "intermediate_size": 29568,
     "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 152064,
     "max_position_embeddings": 32768, "tie_word_embeddings": false, "torch_dtype": "bfloat16"}
Good:
    trainer.n_gpus_per_node=8
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, MODEL, engine_of, gpus, has_critic, lora_rank
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS515", "training-state-too-large", "error")

BYTES = {"fp32": 4, "float32": 4, "bf16": 2, "bfloat16": 2, "fp16": 2, "float16": 2}


def check(view: View) -> Iterator[Found]:
    if engine_of(view) != "dp":
        return
    lora = lora_rank(view) > 0 or bool(view.value(f"{MODEL}.lora_adapter_path"))
    yield from _role(view, ACTOR, f"{MODEL}.path", lora or bool(view.value(f"{ACTOR}.freeze_vision_tower")))
    if has_critic(view):
        lora = view.integer("critic.model.lora_rank", null=0) > 0
        yield from _role(view, "critic", "critic.model.path", lora)


def _role(view: View, role: str, path: str, frozen: bool) -> Iterator[Found]:
    """frozen: only a part of the parameters is trained, and the rest has neither gradient nor moments."""
    section = f"{role}.fsdp" if role == "critic" else f"{role}.fsdp_config"
    if view.value(f"{section}.offload_policy"):
        return  # FSDP2 keeps parameters and optimizer on the CPU
    # null is fp32 for what is trained (fsdp transformer_impl.py, fsdp_workers.py)
    width = BYTES.get(view.text(f"{section}.model_dtype") or "fp32")
    if width is None:
        return
    facts, ranks = view.facts.model(path), _shards(view, section)
    if not facts.parameters:
        raise NotKnownError(f"the size of {facts.name}")
    copies = 1 if frozen else 4 if view.value(f"{role}.optim.optimizer") == "AdamW" else 2
    needed = facts.parameters * width * copies / 2**30 / ranks
    try:
        gpu = view.facts.gpu()
        memory, what = gpu.memory_gib, f"a {gpu.title} has {gpu.memory_gib:g} GiB"
    except NotKnownError:
        from toolspec.backends.verl.lint.facts.gpu import largest_memory_gib

        memory = largest_memory_gib()
        what = f"no GPU has more than {memory:.0f} GiB"
    if needed <= memory:
        return
    parts = {1: "parameters", 2: "parameters and gradients", 4: "parameters, gradients and Adam's moments"}[
        copies
    ]
    yield Found(
        f"the {parts} of {facts.name} take {width * copies} bytes × {facts.parameters / 1e9:.1f} billion over {ranks} "
        f"GPU(s) = {needed:.0f} GiB each, and {what}",
        (path, "trainer.n_gpus_per_node", "trainer.nnodes", f"{section}.model_dtype", f"{section}.fsdp_size"),
        fix=f"at least {-(-int(needed * ranks) // int(memory)) + 1} GPUs, or LoRA",
        why="it is needed at every update, before any activation",
    )


def _shards(view: View, section: str) -> int:
    total, size = gpus(view), view.integer(f"{section}.fsdp_size", null=-1)
    return max(1, total if size <= 0 or size >= total else size)
