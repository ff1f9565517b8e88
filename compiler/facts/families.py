"""How architectures differ, as far as their numbers of parameters do: one row each.

A row says which projections carry a bias, how queries and keys are normalised, how many norms a layer has.
Source: the model classes of transformers 5.10 (`models/<model_type>/modeling_<model_type>.py`) and the
defaults of their configurations; the counts of the catalogue's models agree with those classes, built without
storage, to the last number.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple


class Family(NamedTuple):
    """What distinguishes one architecture from a plain gated decoder with two norms a layer.

    bias: projections (of `qkvo`) with a bias always; config_bias: those with one where `attention_bias` is
    true.
    qk_norm: over each head, over the whole width, where `use_qk_norm` says so (per head), or none.
    attention: the layer's kind; `delta`: layers of type linear_attention are gated delta nets and the others
    gate their output. tied: the class's default for `tie_word_embeddings`.
    """

    bias: str = ""
    config_bias: str = ""
    qk_norm: Literal["none", "head", "width", "config"] = "none"
    norms: int = 2
    attention: Literal["plain", "latent", "delta", "gemma4"] = "plain"
    sinks: bool = False
    expert_bias: bool = False
    shared_gate: bool = False
    tied: bool = False
    defaults: Mapping[str, Any] = MappingProxyType({})


_GEMMA3 = MappingProxyType(
    {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "vocab_size": 262208,
        "max_position_embeddings": 131072,
    }
)
_QWEN3 = Family(config_bias="qkvo", qk_norm="head")
_DELTA = Family(config_bias="qkvo", qk_norm="head", attention="delta", shared_gate=True)
_LATENT = Family(config_bias="", attention="latent")

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "llama": Family(config_bias="qkvo"),
        "mistral": Family(),
        "ministral": Family(),
        "ministral3": Family(),
        "phi3": Family(),
        "granite": Family(config_bias="qkvo"),
        "smollm3": Family(config_bias="qkvo", tied=True),
        "qwen2": Family(bias="qkv"),
        "qwen3": _QWEN3,
        "qwen3_moe": _QWEN3,
        "qwen3_next": _DELTA,
        "qwen3_5_text": _DELTA,
        "qwen3_5_moe_text": _DELTA,
        "olmo2": Family(config_bias="qkvo", qk_norm="width"),
        "olmo3": Family(config_bias="qkvo", qk_norm="width"),
        "gemma2": Family(config_bias="qkvo", norms=4, tied=True),
        "gemma3_text": Family(config_bias="qkvo", qk_norm="head", norms=4, tied=True, defaults=_GEMMA3),
        "gemma4_text": Family(config_bias="qkvo", qk_norm="head", norms=4, tied=True, attention="gemma4"),
        "glm4": Family(config_bias="qkv", norms=4, defaults=MappingProxyType({"attention_bias": True})),
        "glm4_moe": Family(config_bias="qkv", qk_norm="config"),
        "glm4_moe_lite": _LATENT,
        "deepseek_v3": _LATENT,
        "gpt_oss": Family(
            config_bias="qkvo",
            sinks=True,
            expert_bias=True,
            defaults=MappingProxyType({"attention_bias": True, "head_dim": 64}),
        ),
    }
)
