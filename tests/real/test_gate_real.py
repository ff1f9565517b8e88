"""The format that fits a template, found by what its text is and not by its name, over real templates."""

from __future__ import annotations

import pytest

from real.conversations import CALC
from real.environment import Environment
from real.templates import templates
from toolspec.backends.verl.chat.gate import Gate
from toolspec.compiler.chat.process import ChatProcess

pytestmark = pytest.mark.real

VARIABLES = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "bos_token": "<s>"}
# As the makers of these models document their calls; () for those whose calls no parser of verl reads.
FITTING: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("qwen2_5", "qwen3", "qwen3_instruct_2507", "qwen3_vl"), ("hermes",)),
    **dict.fromkeys(("qwen3_5_think", "qwen3_5_nothink", "qwen3_6", "qwen3_8"), ("qwen3_coder",)),
    **dict.fromkeys(("nemotron_3_nano", "nemotron_3_super", "nemotron_3_ultra"), ("qwen3_coder",)),
    "glm4moe": ("glm",),
    "gptoss": ("gpt-oss",),
    "gemma4": ("gemma4",),
    **dict.fromkeys(
        ("llama3", "llama3_1", "gemma3", "phi3", "deepseekv3", "lfm2", "qwen2_5_vl", "cohere2"), ()
    ),
}
REFUSING = ("deepseekv3",)
WITHOUT_TOOLS = ("llama3", "gemma3", "phi3", "deepseekv3", "qwen2_5_vl", "cohere2", "deepseek_r1_distill")


@pytest.mark.parametrize("name", FITTING)
def test_the_format_that_fits_is_found(environment: Environment, name: str) -> None:
    with ChatProcess() as process:
        process.template(templates(environment)[name])
        fitting = FITTING[name]
        gate = Gate(process, "0.9.1", fitting[0] if fitting else "hermes", [CALC], VARIABLES, "<|endoftext|>")
        assert gate.formats == fitting
        states = {check.name: check.state for check in gate.checks()}
        refused = name in REFUSING  # arguments that are no text; verl hands over a mapping
        assert states["format"] == ("ok" if fitting else "unknown" if refused else "error")
        assert not refused or states["calls"] == "error"
        assert states["tools"] == ("error" if name in WITHOUT_TOOLS else "ok")


@pytest.mark.parametrize(("version", "fits"), [("0.7.1", ()), ("0.8.0", ("gemma4",))])
def test_a_release_without_the_parser_has_no_format(
    environment: Environment, version: str, fits: tuple[str, ...]
) -> None:
    with ChatProcess() as process:
        process.template(templates(environment)["gemma4"])
        assert Gate(process, version, "gemma4", [CALC], VARIABLES, "").formats == fits
