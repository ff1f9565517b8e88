"""LoRA set by the keys of another engine.

FSDP and VeOmni read `model.lora_rank`, Megatron `model.lora.*`. verl's trainer and rollout take either for a sign of
LoRA: they drop the reference model and start the engine with adapters.

Why: the whole model is trained, at LoRA's learning rate, and compared with itself as its reference.
Source: workers/engine/fsdp/transformer_impl.py (_is_lora), workers/engine/veomni/transformer_impl.py,
workers/engine/megatron/transformer_impl.py (peft_config=model_config.lora); workers/fsdp_workers.py:195,
workers/megatron_workers.py:419 of 0.7.1; trainer/ppo/v1/trainer_base.py:234-237 (either)
Bad:
    actor_rollout_ref.model.lora.rank=32
Good:
    actor_rollout_ref.model.lora_rank=32 actor_rollout_ref.rollout.load_format=safetensors
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MODEL, engine_of
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS130", "lora-of-other-engine", "error")

FLAT, BLOCK = f"{MODEL}.lora_rank", f"{MODEL}.lora.rank"
READS = {"dp": FLAT, "veomni": FLAT, "megatron": BLOCK}
TITLE = {"dp": "FSDP", "veomni": "VeOmni", "megatron": "Megatron"}


def check(view: View) -> Iterator[Found]:
    engine = engine_of(view)
    if engine not in READS:
        return
    read = READS[engine]
    other = BLOCK if read == FLAT else FLAT
    if view.integer(other, null=0) > 0 and view.integer(read, null=0) <= 0:
        yield Found(
            f"{TITLE[engine]} does not read {view.shown(other)}, and {view.shown(read)}: the whole model is trained",
            (other, read),
            fix=f"{read}={view.integer(other)}",
            why="the trainer takes it for LoRA all the same and drops the reference model",
        )
