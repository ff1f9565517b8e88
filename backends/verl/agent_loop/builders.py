"""The builders of verl 0.9.1 that join turns by token ids: which a model gets, and what each asks of the tokenizer.

Source: utils/tokenizer/continuous_token_wiring.py _MODEL_TYPE_TO_FAMILY and continuous_token.py, deepseek.py of 0.9.1.
0.9.0 chooses by the names of model and tokenizer and has other demands: it is not judged here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

RELEASES = ("0.9.1",)

# The conversation in which a tool's answers are rendered, up to a made-up call.
BEFORE: tuple[Mapping[str, Any], ...] = (
    {"role": "system", "content": "continuous token synthetic system"},
    {"role": "user", "content": "continuous token synthetic user"},
)
NAME = "continuous_token_tool"


def made_up_call(
    answers: Sequence[Mapping[str, Any]], names: Sequence[str], arguments: Any
) -> Mapping[str, Any]:
    """A turn that calls for these answers. arguments: `{}`, or the same as text."""
    calls = [
        {"id": call_id(one, at), "type": "function", "function": {"name": name, "arguments": arguments}}
        for at, (one, name) in enumerate(zip(answers, names, strict=True))
    ]
    return {"role": "assistant", "content": "", "reasoning_content": "reasoning", "tool_calls": calls}


def call_id(answer: Mapping[str, Any], at: int) -> Any:
    found = answer.get("tool_call_id")
    return f"continuous_token_call_{at}" if found is None else found


class Builder(NamedTuple):
    """tokens: without one of them it raises ValueError, for every trajectory. newline: `\\n` has to be one token.

    difference: the tokens of a tool's answer are what a rendering with it
    has more than one without; text_arguments: the call before it carries its arguments as text; generation: the next
    turn's opening is rendered with them. opening: it is rendered behind the whole conversation. media: it wants a
    processor of images.
    """

    name: str
    tokens: tuple[str, ...] = ()
    newline: bool = False
    difference: bool = True
    text_arguments: bool = False
    generation: bool = True
    opening: bool = False
    media: bool = False

    @property
    def arguments(self) -> Any:
        """Of the made-up call."""
        return "{}" if self.text_arguments else {}


_END = "<｜end▁of▁sentence｜>"
DEFAULT = Builder("default")
_QWEN = Builder("qwen", ("<|im_end|>",), newline=True)
_MINIMAX = Builder("minimax", ("[e~[",), newline=True)
_GLM = Builder("glm", ("<|observation|>", "<|user|>"))
_GEMMA = Builder("gemma4", ("<|tool_response>",), generation=False)
_DEEPSEEK = Builder("deepseek", (_END,), text_arguments=True)
# Written as text, without the template.
_GPT_OSS = Builder("gptoss", difference=False, opening=True)
_DEEPSEEK_V4 = Builder("deepseekv4", (_END,), difference=False)
_KIMI_VL = Builder("kimivl", media=True)

BUILDERS: Mapping[str, Builder] = {
    **dict.fromkeys(("qwen2", "qwen3", "qwen3_moe", "qwen3_5", "qwen3_5_moe"), _QWEN),
    **dict.fromkeys(("minimax", "minimax_text_01", "minimax_m2"), _MINIMAX),
    **dict.fromkeys(("glm4_moe", "glm_moe_dsa"), _GLM),
    "gemma4": _GEMMA,
    "gpt_oss": _GPT_OSS,
    **dict.fromkeys(("deepseek_v2", "deepseek_v3"), _DEEPSEEK),
    "deepseek_v4": _DEEPSEEK_V4,
    **dict.fromkeys(("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe"), _QWEN._replace(media=True)),
    "minimax_vl_01": _MINIMAX._replace(media=True),
    "kimi_vl": _KIMI_VL,
    **dict.fromkeys(("glm4v", "glm4v_moe"), _GLM._replace(media=True)),
    "deepseek_vl_v2": _DEEPSEEK._replace(media=True),
}
"""By the exact `model_type` of config.json."""


def builder_of(model_type: str | None) -> Builder:
    return BUILDERS.get((model_type or "").strip().lower(), DEFAULT)
