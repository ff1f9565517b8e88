"""What a model is, as its config.json says it: one frozen value, wherever the file came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from toolspec.compiler.facts.families import FAMILIES
from toolspec.compiler.facts.parameters import CHOSEN_NAMES, EXPERT_NAMES, MAX_NUMBER, count_parameters

ParametersFrom = Literal["catalogue", "weights", "computed"]


class ModelFacts(NamedTuple):
    """Facts about one model. None: not known. Nothing here is guessed.

    name: hub name, or the directory as the user wrote it. origin: where the facts came from, in a few words
    for `plan`. source: where the figures can be read. revision: the hub commit, where one is known.
    directory: the files (tokenizer and so on), where they are on this machine.
    parameters: weights in the checkpoint, with the vision and audio parts (`vision_parameters` of them) where
    they are known. parameters_from: `catalogue` (the count stated there), `weights` (headers of the
    safetensors files), `computed` (from the architecture: the decoder only). active_parameters: of the
    decoder, those a token passes through (all of them without experts).
    heads, kv_heads, head_dim: of the full-attention layers. attention_layers: layers that keep keys and
    values.
    cache_values: numbers kept for one token over all layers, an upper bound where windows slide.
    max_position_embeddings: positions of config.json; tokens. positions_scaled: positions that rope scaling
    of type yarn, linear or dynamic gives, where config.json sets it and its positions do not hold it already.
    eos_token_ids: of generation_config.json where there is one, else of config.json.
    tool_format: name of verl's tool parser that reads this model's calls; tool_format_reason: why, also for
    None.
    chat_template_sha256: of the template's UTF-8 text, "" without one.
    """

    name: str
    origin: str
    source: str = ""
    revision: str | None = None
    directory: Path | None = None
    model_type: str | None = None
    architectures: tuple[str, ...] = ()
    multimodal: bool = False
    parameters: int | None = None
    parameters_from: ParametersFrom | None = None
    vision_parameters: int | None = None
    active_parameters: int | None = None
    layers: int | None = None
    attention_layers: int | None = None
    hidden_size: int | None = None
    intermediate_size: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    cache_values: int | None = None
    vocab_size: int | None = None
    max_position_embeddings: int | None = None
    positions_scaled: int | None = None
    sliding_window: int | None = None
    tie_word_embeddings: bool | None = None
    experts: int | None = None
    experts_per_token: int | None = None
    expert_intermediate_size: int | None = None
    dtype: str | None = None
    quantization: str | None = None
    bos_token_id: int | None = None
    eos_token_ids: tuple[int, ...] = ()
    pad_token_id: int | None = None
    tool_format: str | None = None
    tool_format_reason: str = ""
    chat_template_sha256: str = ""


def decoder_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping that describes the decoder: `text_config` where config.json nests one.

    The outer level says more about it: `tie_word_embeddings`, the ids, the type of the weights.
    """
    inner = config.get("text_config")
    if not isinstance(inner, Mapping):
        return dict(config)
    outer = ("tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id", "torch_dtype", "dtype")
    # The outer value goes first, as in transformers: head and generation belong to the whole model.
    return {**inner, **{key: config[key] for key in outer if config.get(key) is not None}}


def architecture_facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """ModelFacts' fields that config.json says, as keyword arguments; wrong types are read as missing."""
    decoder = decoder_config(config)
    family = FAMILIES.get(str(decoder.get("model_type")))
    defaults: Mapping[str, Any] = family.defaults if family is not None else {}

    def number(*names: str) -> int | None:
        for name in names:
            value = decoder.get(name, defaults.get(name))
            if type(value) is int and 0 <= value <= MAX_NUMBER:
                return value
        return None

    count = count_parameters(decoder)
    layers, hidden, heads = number("num_hidden_layers"), number("hidden_size"), number("num_attention_heads")
    tied = decoder.get("tie_word_embeddings")
    if not isinstance(tied, bool):
        tied = family.tied if family is not None else None
    architectures = config.get("architectures")
    quantization = config.get("quantization_config")
    return {
        "model_type": _text(config.get("model_type")),
        "architectures": tuple(a for a in architectures if isinstance(a, str))
        if isinstance(architectures, list)
        else (),
        "multimodal": any(
            isinstance(config.get(part), Mapping) for part in ("vision_config", "audio_config")
        ),
        "parameters": count.parameters if count else None,
        "parameters_from": "computed" if count else None,
        "active_parameters": count.active if count else None,
        "layers": layers,
        "attention_layers": _attention_layers(decoder, layers),
        "hidden_size": hidden,
        "intermediate_size": number("intermediate_size"),
        "heads": heads,
        "kv_heads": number("num_key_value_heads") or heads,
        "head_dim": number("head_dim") or (hidden // heads if hidden and heads else None),
        "cache_values": count.cache_values if count else None,
        "vocab_size": number("vocab_size"),
        "max_position_embeddings": number("max_position_embeddings"),
        "positions_scaled": _positions_scaled(decoder, number("max_position_embeddings")),
        "sliding_window": number("sliding_window") if decoder.get("use_sliding_window", True) else None,
        "tie_word_embeddings": tied,
        "experts": number(*EXPERT_NAMES) or None,
        "experts_per_token": number(*CHOSEN_NAMES),
        "expert_intermediate_size": number("moe_intermediate_size", "intermediate_size")
        if number(*EXPERT_NAMES)
        else None,
        "dtype": _text(decoder.get("torch_dtype")) or _text(decoder.get("dtype")),
        "quantization": _text(quantization.get("quant_method"))
        if isinstance(quantization, Mapping)
        else None,
        "bos_token_id": next(iter(token_ids(decoder.get("bos_token_id"))), None),
        "eos_token_ids": token_ids(decoder.get("eos_token_id")),
        "pad_token_id": next(iter(token_ids(decoder.get("pad_token_id"))), None),
    }


def token_ids(value: object) -> tuple[int, ...]:
    """An id, or a list of ids, as config.json and generation_config.json write them."""
    values = value if isinstance(value, list) else [value]
    return tuple(v for v in values if type(v) is int and 0 <= v <= MAX_NUMBER)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _attention_layers(decoder: Mapping[str, Any], layers: int | None) -> int | None:
    types = decoder.get("layer_types")
    if isinstance(types, list):
        return sum(1 for kind in types if kind != "linear_attention")
    interval = decoder.get("full_attention_interval")
    if layers is not None and type(interval) is int and interval > 0:
        return layers // interval
    return layers


def _positions_scaled(decoder: Mapping[str, Any], positions: int | None) -> int | None:
    """What yarn, linear and dynamic scaling give beyond max_position_embeddings.

    Types llama3 and longrope state the scaled positions there already; yarn does (gpt-oss) or does not
    (Qwen2.5).
    """
    scaling = decoder.get("rope_scaling") or decoder.get("rope_parameters")
    if not isinstance(scaling, Mapping) or positions is None:
        return None
    kind = scaling.get("rope_type", scaling.get("type"))
    factor, base = scaling.get("factor"), scaling.get("original_max_position_embeddings", positions)
    if (
        kind not in ("yarn", "linear", "dynamic")
        or not isinstance(factor, int | float)
        or type(base) is not int
    ):
        return None
    if not 1 < factor <= 4096 or not 0 < base <= MAX_NUMBER:
        return None
    scaled = int(base * factor)
    return scaled if scaled > positions else None
