"""How many numbers a decoder holds, counted from its config.json alone: one loop over the layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from toolspec.compiler.facts.families import FAMILIES, Family

# A config.json may be hostile: beyond these, no real model, and a loop over the layers would take long.
MAX_LAYERS = 4096
MAX_NUMBER = 1 << 40
# The same figure under the names that architectures give it.
EXPERT_NAMES = ("num_experts", "num_local_experts", "n_routed_experts")
CHOSEN_NAMES = ("num_experts_per_tok", "experts_per_token", "top_k_experts")


class Count(NamedTuple):
    """parameters: all, embeddings once where they are tied. active: those a token passes through, one expert
    set of a token only. cache_values: numbers kept for one token over all layers that keep keys and values (a
    layer with a sliding window counted like the others: an upper bound).
    """

    parameters: int
    active: int
    cache_values: int


class _Numbers:
    """Reads the config's integers; a missing one ends the count (KeyError), a wild one too (ValueError)."""

    def __init__(self, config: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self.config = config
        self.defaults = defaults

    def flag(self, name: str) -> bool:
        value = self.config.get(name)
        return bool(self.defaults.get(name, False) if value is None else value)

    def get(self, *names: str, default: int | None = None) -> int:
        """The first of the names that is given; else the class's default for the first; else `default`."""
        for name in names:
            value = self.config.get(name)
            if value is not None:
                if type(value) is not int or not 0 <= value <= MAX_NUMBER:
                    raise ValueError(name)
                return value
        value = self.defaults.get(names[0], default)
        if value is None:
            raise KeyError(names[0])
        return int(value)


def count_parameters(config: Mapping[str, Any]) -> Count | None:
    """Counts the decoder that `config` (a config.json's mapping, or its `text_config`) describes.

    None where the architecture is not in FAMILIES, or a number that it needs is missing or is no sensible
    integer.
    Vision and audio parts and extra prediction layers (MTP) are not counted: verl trains none of them here.
    """
    family = FAMILIES.get(str(config.get("model_type")))
    if family is None:
        return None
    numbers = _Numbers(config, family.defaults)
    try:
        return _count(numbers, family)
    except (LookupError, ValueError, TypeError, ArithmeticError):
        return None


def _count(n: _Numbers, family: Family) -> Count:
    hidden, layers, vocab = n.get("hidden_size"), n.get("num_hidden_layers"), n.get("vocab_size")
    if layers > MAX_LAYERS:
        raise ValueError("num_hidden_layers")
    tied_value = n.config.get("tie_word_embeddings")
    tied = family.tied if tied_value is None else bool(tied_value)
    total = active = vocab * hidden * (1 if tied else 2) + hidden
    cache = 0
    for layer in range(layers):
        attention, kept = _ATTENTIONS[family.attention](n, family, layer)
        whole, used = _mlp(n, family, layer)
        norms = family.norms * hidden
        total += attention + whole + norms
        active += attention + used + norms
        cache += kept
    if family.attention == "gemma4" and (per_layer := n.get("hidden_size_per_layer_input", default=0)):
        width = per_layer * layers
        extra = n.get("vocab_size_per_layer_input") * width + hidden * width + per_layer
        total += extra
        active += extra
    return Count(total, active, cache)


def _heads(n: _Numbers) -> tuple[int, int, int]:
    heads = n.get("num_attention_heads")
    return (
        heads,
        n.get("num_key_value_heads", default=heads),
        n.get("head_dim", default=n.get("hidden_size") // heads),
    )


def _projections(n: _Numbers, family: Family, heads: int, kv_heads: int, head_dim: int) -> int:
    """Weights, biases and norms of q, k, v, o."""
    hidden = n.get("hidden_size")
    biased = set(family.bias) | (set(family.config_bias) if n.flag("attention_bias") else set())
    widths = {"q": heads * head_dim, "k": kv_heads * head_dim, "v": kv_heads * head_dim}
    total = sum(hidden * width + (width if name in biased else 0) for name, width in widths.items())
    total += heads * head_dim * hidden + (hidden if "o" in biased else 0)
    if family.qk_norm == "width":
        total += widths["q"] + widths["k"]
    elif family.qk_norm == "head" or (family.qk_norm == "config" and n.flag("use_qk_norm")):
        total += 2 * head_dim
    return total + (heads if family.sinks else 0)


def _plain(n: _Numbers, family: Family, _layer: int) -> tuple[int, int]:
    heads, kv_heads, head_dim = _heads(n)
    return _projections(n, family, heads, kv_heads, head_dim), 2 * kv_heads * head_dim


def _latent(n: _Numbers, _family: Family, _layer: int) -> tuple[int, int]:
    """Multi-head latent attention: keys and values are kept as one small vector."""
    hidden, heads = n.get("hidden_size"), n.get("num_attention_heads")
    rank, rope, nope, value = (
        n.get("kv_lora_rank"),
        n.get("qk_rope_head_dim"),
        n.get("qk_nope_head_dim"),
        n.get("v_head_dim"),
    )
    queries = heads * (nope + rope)
    query_rank = n.get("q_lora_rank", default=0)
    total = hidden * query_rank + query_rank + query_rank * queries if query_rank else hidden * queries
    total += hidden * (rank + rope) + rank + rank * heads * (nope + value) + heads * value * hidden
    return total, rank + rope


def _delta(n: _Numbers, family: Family, layer: int) -> tuple[int, int]:
    """Gated delta net in most layers; the others are full attention whose query projection also makes a
    gate."""
    hidden = n.get("hidden_size")
    if _layer_type(n, layer, n.get("full_attention_interval", default=4)) != "linear_attention":
        heads, kv_heads, head_dim = _heads(n)
        gate = hidden * heads * head_dim + (heads * head_dim if n.flag("attention_bias") else 0)
        return _projections(n, family, heads, kv_heads, head_dim) + gate, 2 * kv_heads * head_dim
    key_heads, value_heads = n.get("linear_num_key_heads"), n.get("linear_num_value_heads")
    keys, values = key_heads * n.get("linear_key_head_dim"), value_heads * n.get("linear_value_head_dim")
    mixed = 2 * keys + values
    total = hidden * (mixed + values + 2 * value_heads) + values * hidden
    return total + mixed * n.get(
        "linear_conv_kernel_dim", default=4
    ) + 2 * value_heads + values // value_heads, 0


def _layer_type(n: _Numbers, layer: int, interval: int) -> str:
    types = n.config.get("layer_types")
    if isinstance(types, list) and layer < len(types):
        return str(types[layer])
    return "full_attention" if (layer + 1) % interval == 0 else "linear_attention"


def _gemma4(n: _Numbers, family: Family, layer: int) -> tuple[int, int]:
    """Global layers have their own head size and may use keys as values; the last layers may have no keys."""
    hidden = n.get("hidden_size")
    heads, kv_heads, head_dim = _heads(n)
    types = n.config.get("layer_types")
    if not isinstance(types, list):
        raise KeyError("layer_types")
    is_global = types[layer] == "full_attention"
    if is_global:
        head_dim = n.get("global_head_dim", default=head_dim)
    same = is_global and n.flag("attention_k_eq_v")
    if same:
        kv_heads = n.get("num_global_key_value_heads", default=kv_heads)
    total = _projections(n, family, heads, kv_heads, head_dim)
    if same:
        total -= hidden * kv_heads * head_dim
    shared = n.get("num_kv_shared_layers", default=0)
    kept = 2 * kv_heads * head_dim
    if shared and layer >= n.get("num_hidden_layers") - shared:
        total -= (1 if same else 2) * hidden * kv_heads * head_dim + head_dim
        kept = 0
    if per_layer := n.get("hidden_size_per_layer_input", default=0):
        total += 2 * hidden * per_layer + hidden
    return total, kept


_ATTENTIONS = {"plain": _plain, "latent": _latent, "delta": _delta, "gemma4": _gemma4}


def _mlp(n: _Numbers, family: Family, layer: int) -> tuple[int, int]:
    """Parameters of the layer's MLP, and those one token uses."""
    hidden = n.get("hidden_size")
    experts = n.get(*EXPERT_NAMES, default=0)
    dense = _dense(n, family, layer)
    if not experts:
        return dense, dense
    if family.attention == "gemma4":
        return _beside(n, hidden, experts, dense)
    if _is_dense(n, layer):
        return dense, dense
    width = n.get("moe_intermediate_size", "intermediate_size")
    expert = 3 * hidden * width + (2 * width + hidden if family.expert_bias else 0)
    always = hidden * experts + (experts if family.expert_bias else 0)
    always += (
        3
        * hidden
        * n.get("shared_expert_intermediate_size", default=n.get("n_shared_experts", default=0) * width)
    )
    always += hidden if family.shared_gate else 0
    return always + experts * expert, always + n.get(*CHOSEN_NAMES) * expert


def _dense(n: _Numbers, family: Family, layer: int) -> int:
    hidden, width = n.get("hidden_size"), n.get("intermediate_size", default=0)
    shared = n.get("num_kv_shared_layers", default=0)
    if n.flag("use_double_wide_mlp") and shared and layer >= n.get("num_hidden_layers") - shared:
        width *= 2
    return 3 * hidden * width + (2 * width + hidden if family.config_bias and n.flag("mlp_bias") else 0)


def _is_dense(n: _Numbers, layer: int) -> bool:
    only = n.config.get("mlp_only_layers")
    if isinstance(only, list) and layer in only:
        return True
    if (layer + 1) % max(1, n.get("decoder_sparse_step", default=1)):
        return True
    return layer < n.get("first_k_dense_replace", default=0)


def _beside(n: _Numbers, hidden: int, experts: int, dense: int) -> tuple[int, int]:
    """Gemma 4's experts work beside the dense MLP, with three more norms and a router with two scales."""
    if not n.flag("enable_moe_block"):
        return dense, dense
    expert = 3 * hidden * n.get("moe_intermediate_size")
    always = dense + 3 * hidden + hidden * experts + hidden + experts
    return always + experts * expert, always + n.get(*CHOSEN_NAMES) * expert
