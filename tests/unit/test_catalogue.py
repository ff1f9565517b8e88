"""The shipped facts: every count follows from its architecture, every name leads to one thing."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from toolspec.compiler.facts.architecture import decoder_config
from toolspec.compiler.facts.catalogue import (
    find_gpu,
    find_model,
    gpu_names,
    model_names,
    nearest_gpus,
    nearest_models,
)
from toolspec.compiler.facts.parameters import count_parameters

# Registered in verl/experimental/agent_loop/tool_parser.py of 0.9.1 (ToolParser.register).
VERL_PARSERS = {
    "hermes",
    "gpt-oss",
    "qwen3_coder",
    "glm",
    "seed",
    "minimax",
    "kimi",
    "deepseek_v4",
    "gemma4",
}


def entries(file: str) -> list[dict[str, Any]]:
    text = files("toolspec.compiler.facts").joinpath(file).read_text("utf-8")
    loaded: list[dict[str, Any]] = json.loads(text)["entries"]
    return loaded


MODELS = entries("models.json")


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry["name"])
def test_the_architecture_gives_the_stated_parameters(entry: dict[str, Any]) -> None:
    count = count_parameters(decoder_config(entry["config"]))
    assert count is not None
    assert count.parameters == entry["parameters"] - entry.get("vision_parameters", 0)
    assert 0 < count.active <= count.parameters


@pytest.mark.parametrize(
    ("name", "decoder", "active"),
    [
        # Counts printed by others from the published weights.
        ("Qwen/Qwen2.5-0.5B", 494_032_768, 494_032_768),
        ("Qwen/Qwen2.5-3B-Instruct", 3_085_938_688, 3_085_938_688),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", 1_777_088_000, 1_777_088_000),
        ("Qwen/Qwen3-8B", 8_190_735_360, 8_190_735_360),
        ("Qwen/Qwen3-30B-A3B", 30_532_122_624, 3_353_032_704),
        ("Qwen/Qwen3.5-35B-A3B", 34_660_610_688, None),
        ("meta-llama/Llama-3.1-8B-Instruct", 8_030_261_248, 8_030_261_248),
    ],
)
def test_published_counts(name: str, decoder: int, active: int | None) -> None:
    facts = find_model(name)
    assert facts is not None and facts.parameters is not None
    assert facts.parameters - (facts.vision_parameters or 0) == decoder
    assert active is None or facts.active_parameters == active


@pytest.mark.parametrize("name", model_names())
def test_the_name_and_the_size_agree(name: str) -> None:
    facts = find_model(name)
    assert facts is not None and facts.parameters and facts.active_parameters
    if size := re.search(r"(?<![A-Za-z\d.])(\d+(?:\.\d+)?)([BbM])(?![a-z])", name.partition("/")[2]):
        said = float(size[1]) * (1e6 if size[2] == "M" else 1e9)
        assert facts.parameters == pytest.approx(said, rel=0.25)
    if active := re.search(r"-A(\d+)B", name):
        assert facts.active_parameters == pytest.approx(float(active[1]) * 1e9, rel=0.3)


def test_every_model_says_where_it_was_read_and_how_it_calls_tools() -> None:
    for entry in MODELS:
        assert entry["source"] and entry["tool_format_reason"], entry["name"]
        assert entry["tool_format"] is None or entry["tool_format"] in VERL_PARSERS, entry["name"]
    names = [n.lower() for entry in MODELS for n in (entry["name"], *entry.get("aliases", ()))]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert len(MODELS) >= 45


def test_facts_of_the_seed_model() -> None:
    facts = find_model("Qwen/Qwen2.5-3B-Instruct")
    assert facts is not None
    assert (facts.layers, facts.hidden_size, facts.intermediate_size) == (36, 2048, 11008)
    assert (facts.heads, facts.kv_heads, facts.head_dim) == (16, 2, 128)
    assert facts.cache_values == 36 * 2 * 2 * 128
    assert (facts.vocab_size, facts.max_position_embeddings) == (151936, 32768)
    assert facts.tie_word_embeddings is True
    assert facts.tool_format == "hermes"
    assert facts.eos_token_ids == (151645,)
    assert facts.origin == "catalogue"
    with pytest.raises(AttributeError):
        facts.layers = 1  # type: ignore[misc]


def test_facts_of_a_hybrid_and_of_a_mixture() -> None:
    hybrid, mixture = find_model("Qwen/Qwen3.5-27B"), find_model("openai/gpt-oss-20b")
    assert hybrid is not None and mixture is not None
    assert (hybrid.layers, hybrid.attention_layers) == (64, 16)
    assert hybrid.cache_values == 16 * 2 * 4 * 256
    assert hybrid.multimodal and hybrid.model_type == "qwen3_5"
    assert (mixture.experts, mixture.experts_per_token, mixture.sliding_window) == (32, 4, 128)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("qwen/qwen2.5-3b-instruct", "Qwen/Qwen2.5-3B-Instruct"),
        ("Qwen2.5-3B-Instruct", "Qwen/Qwen2.5-3B-Instruct"),
        ("meta-llama/Meta-Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
        ("THUDM/GLM-4-9B-0414", "zai-org/GLM-4-9B-0414"),
        ("GLM-4-9B-0414", "zai-org/GLM-4-9B-0414"),
        ("someone/Qwen2.5-3B-Instruct", None),
        ("Qwen/Qwen2.5-3B-Instruct-AWQ", None),
        ("Qwen/Qwen2.5", None),
        ("", None),
    ],
)
def test_a_model_is_found_by_its_whole_name_only(asked: str, found: str | None) -> None:
    facts = find_model(asked)
    assert (facts.name if facts is not None else None) == found


def test_a_misspelt_model_is_near_the_right_one() -> None:
    assert nearest_models("Qwen/Qwen2.5-3B-Instrct")[0] == "Qwen/Qwen2.5-3B-Instruct"
    assert nearest_models("Qwen2.5-7B-instruct ")[0] == "Qwen/Qwen2.5-7B-Instruct"
    assert nearest_models("zzzz") == ()
    assert len(nearest_models("Qwen/Qwen3-8B")) == 3


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("h100", "h100-80gb"),
        ("H100-80GB", "h100-80gb"),
        ("H100_80GB", "h100-80gb"),
        ("NVIDIA H100 80GB HBM3", "h100-80gb"),
        ("RTX 4090", "rtx4090-24gb"),
        ("mi300x", "mi300x-192gb"),
        # Sold with 40 and 80 GB, and with 16 and 32: a question, no guess.
        ("a100", None),
        ("v100", None),
        ("", None),
    ],
)
def test_a_gpu_is_found_by_name_and_alias(asked: str, found: str | None) -> None:
    facts = find_gpu(asked)
    assert (facts.name if facts is not None else None) == found


def test_an_unclear_gpu_name_is_answered_with_the_choices() -> None:
    assert {"a100-40gb", "a100-80gb"} <= set(nearest_gpus("a100"))
    assert {"v100-16gb", "v100-32gb"} <= set(nearest_gpus("v100"))


def test_gpus_are_plausible_and_each_name_is_used_once() -> None:
    names: list[str] = []
    for name in gpu_names():
        gpu = find_gpu(name)
        assert gpu is not None and gpu.source
        names += [re.sub(r"[-_ ]", "", n.lower()) for n in (gpu.name, *gpu.aliases)]
        assert f"-{gpu.memory_gb:g}gb" in gpu.name
        assert 0.93 * gpu.memory_gb <= gpu.memory_gib <= 1.03 * gpu.memory_gb, name
        if gpu.vendor == "NVIDIA":
            assert gpu.compute_capability is not None
            # bf16 came with Ampere, 8.0.
            assert (gpu.bf16_tflops is None) == (float(gpu.compute_capability) < 8.0), name
        assert 300 <= gpu.bandwidth_gbs <= 8000
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert len(gpu_names()) >= 16
