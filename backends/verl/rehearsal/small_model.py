"""The small model of `--model`: whether a folder is one, how it samples, and whether its tokens are the run's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.chat.folder import ChatFolder
from toolspec.compiler.facts.model_directory import read_mapping
from toolspec.specs.named_file import is_regular

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
CUT = ("model", "normalizer", "pre_tokenizer", "added_tokens", "decoder")
"""Of a tokenizer.json: what ids come from."""


class Sampling(NamedTuple):
    """As verl passes it to the engine. temperature 0: the likeliest token. top_k: -1 for all."""

    temperature: float
    top_p: float
    top_k: int


def sampling_of(view: View, split: str) -> Sampling:
    """Source: agent_loop.py `generate_sequences` of each release."""
    keys = f"{ROLLOUT}.val_kwargs" if split == "val" else ROLLOUT
    return Sampling(
        float(view.value(f"{keys}.temperature")),
        float(view.value(f"{keys}.top_p")),
        int(view.value(f"{keys}.top_k")),
    )


def no_model(path: Path) -> str:
    """Why a folder holds no model that can be loaded here, a clause; "" where it does.

    Weights of other formats are pickles, which run code when they are read.
    """
    if not path.is_dir():
        return f"{path} is {'no folder' if path.exists() else 'not there'}"
    config = read_mapping(path, "config.json")
    if config is None:
        return f"{path} has no config.json"
    if not isinstance(config.get("model_type"), str):
        return f"config.json of {path} names no model_type"
    if not any(is_regular(path / name) for name in WEIGHTS):
        return f"{path} has no model.safetensors"
    return ""


def same_tokens(one: ChatFolder, other: ChatFolder) -> bool:
    """Whether both make the same ids of every text, as far as their files say the same."""
    if one.tokenizer is None or other.tokenizer is None:
        return False
    if (one.added, one.kind, one.tokens.get("eos_token")) != (
        other.added,
        other.kind,
        other.tokens.get("eos_token"),
    ):
        return False
    return one.tokenizer == other.tokenizer or _cut(one.tokenizer) == _cut(other.tokenizer)


def _cut(file: Path) -> Any:
    """Merges are pairs or texts, by the age of the file."""
    try:
        read = json.loads(file.read_bytes())
        found = {name: read.get(name) for name in CUT}
        model = dict(found["model"])
        merges = model.get("merges") or []
        model["merges"] = [one if isinstance(one, str) else " ".join(one) for one in merges]
        return {**found, "model": model}
    except (ValueError, TypeError, AttributeError, OSError):
        return file
