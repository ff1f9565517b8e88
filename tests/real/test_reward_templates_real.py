"""Counterexamples in the real chat templates of several families, in the format of each, with their scores."""

from __future__ import annotations

from typing import Any

import pytest

from real.environment import Environment
from real.templates import templates
from toolspec.backends.verl.reward.frame import Frame
from toolspec.backends.verl.reward.subject import Report, Subject
from toolspec.backends.verl.reward.transcript import transcripts
from toolspec.compiler.reward.analysis import analyse
from toolspec.compiler.reward.vector import Budget

pytestmark = pytest.mark.real

# template → (format, the token that ends a turn, what opens a tool's answer)
FAMILIES = {
    "qwen2_5": ("hermes", "<|im_end|>", "<|im_start|>user\n<tool_response>"),
    "qwen3": ("hermes", "<|im_end|>", "<|im_start|>user\n<tool_response>"),
    "qwen3_5_think": ("qwen3_coder", "<|im_end|>", "<|im_start|>user\n<tool_response>"),
    "glm4moe": ("glm", "<|endoftext|>", "<|observation|>\n<tool_response>"),
    "gptoss": ("gpt-oss", "<|return|>", "<|start|>functions.search to=assistant"),
    "gemma4": ("gemma4", "<turn|>", "response:search"),
    "deepseekv3": ("hermes", "<｜end▁of▁sentence｜>", "<｜tool▁output▁begin｜>"),
    "llama3_1": ("hermes", "<|eot_id|>", "<|start_header_id|>ipython"),
}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Look something up.",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string", "description": "What to look for."}},
            "required": ["query"],
        },
    },
}
TERMS: list[dict[str, Any]] = [
    {"name": "correct", "weight": 1.0, "match": "number"},
    {"name": "valid_call", "weight": 0.2, "per": "call"},
    {"name": "bad_call", "weight": -1.0},
]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_counterexample_is_what_the_model_sees(environment: Environment, name: str) -> None:
    form, end, opening = FAMILIES[name]
    spec = {"version": 1, "terms": TERMS, "tools": [SEARCH], "format": form}
    budget = Budget(4, 1, 512)
    report = Report(Subject(name, "0.9.1", spec, budget), analyse(spec, budget, False), None)
    template = templates(environment)[name]
    variables = {"eos_token": end, "bos_token": "<s>"}
    found = transcripts(report, Frame(name, template, variables, (SEARCH,), end))
    assert (found.template, found.frame_missing, found.missing) == (name, "", "")
    assert "search" in found.prompt or name == "deepseekv3"  # which writes nothing of tools
    assert all(one.agrees for one in found.found.values())
    told = [text for one in found.found.values() for by, text in one.rendered if by == "tool"]
    assert told
    assert all(opening in text for text in told), told[0]
    assert not any("<tool_call>" in text for text in told)
