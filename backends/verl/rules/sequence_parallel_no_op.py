"""Sequence parallelism for a model whose activations stay whole.

Qwen3.5 takes `ulysses_sequence_parallel_size` and, by the report, each rank keeps the activations of the whole
sequence.

Why: data parallelism is given up, and no memory is saved.
Source: verl issue 7476 (an allocator's snapshot); models/transformers/monkey_patch.py:500-542 (0.9.1) has no
attention of its own for it, and no case for it in 0.7.1
Bad:
    actor_rollout_ref.actor.ulysses_sequence_parallel_size=2
--- model/config.json
    {"architectures": ["Qwen3_5ForConditionalGeneration"], "model_type": "qwen3_5", "text_config": {
     "model_type": "qwen3_5_text", "hidden_size": 1024, "intermediate_size": 3584, "num_hidden_layers": 24,
     "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 256, "vocab_size": 248320,
     "max_position_embeddings": 262144, "full_attention_interval": 4, "linear_num_key_heads": 16,
     "linear_num_value_heads": 16, "linear_key_head_dim": 128, "linear_value_head_dim": 128,
     "linear_conv_kernel_dim": 4}}
Good:
    actor_rollout_ref.actor.ulysses_sequence_parallel_size=2
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, MODEL, engine_of, sequence_parallel
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS509", "sequence-parallel-no-op", "warning")

WHOLE = frozenset({"qwen3_5", "qwen3_5_moe", "qwen3_5_text", "qwen3_5_moe_text"})


def check(view: View) -> Iterator[Found]:
    size = sequence_parallel(view, ACTOR) if engine_of(view) == "dp" else 1
    if size <= 1:
        return
    kind = view.facts.model().model_type
    if kind in WHOLE:
        key = f"{ACTOR}.ulysses_sequence_parallel_size"
        yield Found(
            f"for {kind} a sequence is not split over the {size} ranks: each keeps its activations whole",
            (key, f"{MODEL}.path"),
            fix=f"{key}=1",
            why="reported with a snapshot of the allocator (verl issue 7476)",
        )
