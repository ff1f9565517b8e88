"""What a token takes of the rollout engine's KV cache, by the model's config.json, and how many sequences there are."""

from __future__ import annotations

from typing import NamedTuple

from toolspec.backends.verl.lint.derived import ROLLOUT, gpus, group, update_prompts
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.view import View

SEQUENCES, TENSOR = f"{ROLLOUT}.max_num_seqs", f"{ROLLOUT}.tensor_model_parallel_size"
BYTES = {"bfloat16": 2, "float16": 2, "half": 2, "float32": 4, "float": 4}
MIB = 1 << 20


class CacheMemory(NamedTuple):
    """each: bytes a token, over all GPUs of an engine. formula: how they come about.

    sequences: at a time in an engine, at most; why: what bounds them.
    """

    each: int
    formula: str
    sequences: int
    why: str


def cache_memory(view: View) -> CacheMemory:
    """Raises NotKnownError, with what is not known: an architecture that is in no table is not guessed at."""
    facts = view.facts.model()
    if not facts.cache_values:
        raise NotKnownError(
            f"the architecture of {facts.name} ({facts.model_type or 'it names no model_type'})"
        )
    size, named = _number_bytes(view, facts.dtype)
    heads, width, layers = facts.kv_heads, facts.head_dim, facts.attention_layers
    if heads and width and layers and 2 * heads * width * layers == facts.cache_values:
        formula = f"{layers} layers × {heads} KV heads × {width} × 2 (keys, values) × {size} bytes ({named})"
    else:
        formula = f"{facts.cache_values:,} numbers a token × {size} bytes ({named})"
    return CacheMemory(facts.cache_values * size, formula, *_sequences(view))


def _number_bytes(view: View, own: str | None) -> tuple[int, str]:
    engine = view.text(f"{ROLLOUT}.name")
    said = view.value(f"{ROLLOUT}.engine_kwargs.{engine}.kv_cache_dtype")
    if isinstance(said, str) and said.startswith("fp8"):
        return 1, said
    named = said if isinstance(said, str) and said != "auto" else view.text(f"{ROLLOUT}.dtype")
    if named == "auto":
        named = own or "bfloat16"
    if named not in BYTES:
        raise NotKnownError(f"how many bytes a number of type {named} takes")
    return BYTES[named], named


def _sequences(view: View) -> tuple[int, str]:
    """The engine's own limit, or its share of a step's trajectories."""
    most = view.integer(SEQUENCES)
    try:
        engines = max(1, gpus(view) // max(1, view.integer(TENSOR)))
        step = -(-update_prompts(view) * group(view) // engines)
    except NotKnownError:
        return most, "rollout.max_num_seqs"
    if step < most:
        return step, f"a step's, over {engines} engine{'s' if engines > 1 else ''}"
    return most, "rollout.max_num_seqs"
