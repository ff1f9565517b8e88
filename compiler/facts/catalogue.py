"""The shipped facts: models used for reinforcement learning, and GPUs. Read once, when first asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.compiler.facts.architecture import ModelFacts, architecture_facts

__all__ = [
    "GpuFacts",
    "ModelFacts",
    "find_gpu",
    "find_model",
    "gpu_names",
    "model_names",
    "nearest_gpus",
    "nearest_models",
]


class GpuFacts(NamedTuple):
    """One GPU (of a board with two chips, one of them). None: not known, or not supported.

    memory_gb: as the vendor states it. usable_mib: what the driver reports as total. memory_gib: the memory
    to plan with, usable_mib where known, else the vendor's figure (vendors' GB of GPU memory are close to
    GiB).
    bf16_tflops: dense bf16 on the matrix units, without sparsity. bandwidth_gbs: memory bandwidth, GB/s.
    compute_capability: of CUDA; None for other vendors. source: the vendor's document.
    """

    name: str
    vendor: str
    title: str
    memory_gb: float
    usable_mib: int | None
    memory_gib: float
    bf16_tflops: float | None
    bandwidth_gbs: float
    compute_capability: str | None
    aliases: tuple[str, ...]
    source: str
    note: str = ""


def find_model(name: str) -> ModelFacts | None:
    """The catalogue's facts about the model of that hub name, upper and lower case alike.

    The organisation may be left out where only one model of the catalogue has the rest of the name.
    """
    key = name.strip().lower()
    index = _model_index()
    entry = index.get(key)
    if entry is None and "/" not in key:
        found = {e["name"]: e for k, e in index.items() if k.rpartition("/")[2] == key}
        entry = next(iter(found.values())) if len(found) == 1 else None
    return None if entry is None else _model(entry["name"].lower())


def nearest_models(name: str, count: int = 3) -> tuple[str, ...]:
    """Names of the catalogue that resemble `name`, the nearest first."""
    return _nearest(name, model_names(), count)


def model_names() -> tuple[str, ...]:
    """All hub names of the catalogue, in its order."""
    return tuple(entry["name"] for entry in _load("models.json"))


def find_gpu(name: str) -> GpuFacts | None:
    """The GPU of that name or alias; case, blanks, `_` and `-` do not matter: `H100_80GB` is `h100-80gb`."""
    return _gpu_index().get(_plain(name))


def nearest_gpus(name: str, count: int = 3) -> tuple[str, ...]:
    """Names of GPUs that resemble `name`, the nearest first."""
    return _nearest(name, gpu_names(), count)


def gpu_names() -> tuple[str, ...]:
    """All names (without aliases) of the catalogue, in its order."""
    return tuple(entry["name"] for entry in _load("gpus.json"))


@cache
def _load(file: str) -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(Path(__file__).with_name(file).read_bytes())["entries"])


@cache
def _model_index() -> Mapping[str, dict[str, Any]]:
    index = {alias.lower(): entry for entry in _load("models.json") for alias in entry.get("aliases", ())}
    return {**index, **{entry["name"].lower(): entry for entry in _load("models.json")}}


@cache
def _gpu_index() -> Mapping[str, GpuFacts]:
    index: dict[str, GpuFacts] = {}
    for entry in _load("gpus.json"):
        gpu = _gpu(entry)
        for name in (gpu.name, *gpu.aliases):
            index[_plain(name)] = gpu
    return index


@cache
def _model(key: str) -> ModelFacts:
    entry = _model_index()[key]
    facts = architecture_facts(entry["config"])
    if entry.get("parameters") is not None:
        facts.update(parameters=entry["parameters"], parameters_from="catalogue")
    return ModelFacts(
        name=entry["name"],
        origin="catalogue",
        source=entry["source"],
        vision_parameters=entry.get("vision_parameters"),
        tool_format=entry["tool_format"],
        tool_format_reason=entry["tool_format_reason"],
        **facts,
    )


def _gpu(entry: dict[str, Any]) -> GpuFacts:
    usable = entry.get("usable_mib")
    memory = entry["memory_gb"] if usable is None else round(usable / 1024, 2)
    return GpuFacts(
        **{**entry, "aliases": tuple(entry["aliases"]), "usable_mib": usable, "memory_gib": float(memory)},
    )


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c not in "-_ ")


def _nearest(name: str, names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """By the whole name, or by the part after the organisation, which is often forgotten."""
    import difflib

    wanted = name[:200].lower()
    tail = wanted.rpartition("/")[2]

    def likeness(known: str) -> float:
        lower = known.lower()
        return max(
            difflib.SequenceMatcher(None, wanted, lower).ratio(),
            difflib.SequenceMatcher(None, tail, lower.rpartition("/")[2]).ratio(),
        )

    scored = sorted(((likeness(known), known) for known in names), key=lambda pair: (-pair[0], pair[1]))
    return tuple(known for score, known in scored[:count] if score >= 0.6)
