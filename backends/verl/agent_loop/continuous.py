"""0.9: the answers are what the template adds to a made-up call, joined at the model family's own boundary.

Source: 0.9.1 utils/tokenizer/continuous_token.py and continuous_token_wiring.py; of the loop's messages only answers of
tools are ever added, so the other roles of its builders are not here. A family goes by `model_type` of config.json,
word for word; others have no boundary of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.agent_loop.boundary import Joint
from toolspec.backends.verl.agent_loop.chat_tokens import (
    ChatTokens,
    LoopFailure,
    Message,
    NotSimulated,
    Schemas,
)
from toolspec.backends.verl.agent_loop.settings import LoopSettings
from toolspec.backends.verl.agent_loop.system_prompt_cut import harmony_answer

# The conversation in which answers are rendered; the template may show its words nowhere but before the cut.
_BEFORE: tuple[Message, ...] = (
    {"role": "system", "content": "continuous token synthetic system"},
    {"role": "user", "content": "continuous token synthetic user"},
)
_NAME, _REASONING = "continuous_token_tool", "reasoning"


class _Answers(NamedTuple):
    """before: the conversation up to the call. names: of the tools that were called, as its last turn has them."""

    before: Sequence[Message]
    messages: Sequence[Message]
    names: Sequence[str]
    tools: Schemas


class Family(NamedTuple):
    """required: texts that have to be tokens of the model's. single: texts that have to be one token.

    rendered: the answers' ids. joint: what becomes of the end that stands, and of the ids.
    """

    rendered: Callable[[ChatTokens, _Answers], list[int]]
    joint: Callable[[ChatTokens, Sequence[int], list[int], _Answers], Joint]
    required: tuple[str, ...] = ()
    single: tuple[str, ...] = ()


class Continuous:
    """Raises LoopFailure where the tokenizer lacks what the family needs, NotSimulated for other families."""

    def __init__(self, tokens: ChatTokens, settings: LoopSettings) -> None:
        self.tokens, self.longest = tokens, settings.prompt_length
        self.family = family(settings.model_type)
        for text in self.family.single:
            if len(tokens.encode(text)) != 1:
                raise LoopFailure("ValueError")
        for text in self.family.required:
            if tokens.id_of(text) is None:
                raise LoopFailure("ValueError")

    def first(self, messages: Sequence[Message], tools: Schemas) -> list[int]:
        return self.tokens.applied(messages, tools, True)[-self.longest :]

    def joint(
        self,
        ids: Sequence[int],
        messages: Sequence[Message],
        answers: Sequence[Message],
        names: Sequence[str],
        tools: Schemas,
    ) -> Joint:
        asked = _Answers(messages, answers, _by_id(answers, names), tools)
        rendered = self.family.rendered(self.tokens, asked) if answers else []
        return self.family.joint(self.tokens, ids, rendered, asked)


def _suffix(
    tokens: ChatTokens, before: Sequence[Message], more: Sequence[Message], generation: bool, tools: Schemas
) -> list[int]:
    """What the conversation has beyond its beginning. Raises LoopFailure where it begins with other ids."""
    start = tokens.applied(before, tools, False)
    whole = tokens.applied([*before, *more], tools, generation)
    if whole[: len(start)] != start:
        raise LoopFailure("ValueError")
    return whole[len(start) :]


def _call(answers: Sequence[Message], names: Sequence[str], arguments: Any) -> Message:
    """A made-up turn that calls for these answers."""
    calls = [
        {"id": _id(one, at), "type": "function", "function": {"name": name, "arguments": arguments}}
        for at, (one, name) in enumerate(zip(answers, names, strict=True))
    ]
    return {"role": "assistant", "content": "", "reasoning_content": _REASONING, "tool_calls": calls}


def _id(answer: Message, at: int) -> Any:
    found = answer.get("tool_call_id")
    return f"continuous_token_call_{at}" if found is None else found


def _by_id(answers: Sequence[Message], names: Sequence[str]) -> list[str]:
    """The names again; calls of one id have the first one's."""
    named: dict[Any, str] = {}
    for one, name in zip(answers, names, strict=True):
        named.setdefault(one.get("tool_call_id"), name)
    return [
        name if one.get("tool_call_id") is None else named[one["tool_call_id"]]
        for one, name in zip(answers, names, strict=True)
    ]


def _behind_a_call(arguments: Any) -> Callable[[ChatTokens, _Answers], list[int]]:
    def rendered(tokens: ChatTokens, asked: _Answers) -> list[int]:
        call = _call(asked.messages, [_NAME] * len(asked.messages), arguments)
        return _suffix(tokens, [*_BEFORE, call], asked.messages, True, asked.tools)

    return rendered


def _harmony(tokens: ChatTokens, asked: _Answers) -> list[int]:
    """The answers as text; the generation prompt from the whole conversation."""
    said = (json.dumps(one["content"], ensure_ascii=False, separators=(",", ":")) for one in asked.messages)
    ids = tokens.encode("".join(map(harmony_answer, asked.names, said)))
    return ids + _suffix(tokens, [*asked.before, *asked.messages], [], True, asked.tools)


def _gemma(tokens: ChatTokens, asked: _Answers) -> list[int]:
    """The model's turn goes on behind an answer, so there is no generation prompt."""
    named = [
        {**one, "tool_call_id": _id(one, at), "name": name}
        for at, (one, name) in enumerate(zip(asked.messages, asked.names, strict=True))
    ]
    call = _call(asked.messages, asked.names, {})
    return _suffix(tokens, [*_BEFORE, call], named, False, asked.tools)


def _plain(tokens: ChatTokens, ids: Sequence[int], rendered: list[int], asked: _Answers) -> Joint:
    return Joint(0, rendered)


def _put_behind(end: str, text: str) -> Callable[..., Joint]:
    """What the template writes behind the policy's end token."""

    def joint(tokens: ChatTokens, ids: Sequence[int], rendered: list[int], asked: _Answers) -> Joint:
        stands = bool(ids) and ids[-1] == tokens.id_of(end)
        return Joint(0, tokens.encode(text) + rendered if stands else rendered)

    return joint


def _taken_off(*ends: str) -> Callable[..., Joint]:
    """A token that ends the policy's turn and begins the next one too."""

    def joint(tokens: ChatTokens, ids: Sequence[int], rendered: list[int], asked: _Answers) -> Joint:
        return Joint(int(bool(ids) and ids[-1] in {tokens.id_of(end) for end in ends}), rendered)

    return joint


def _opened_by(text: str) -> Callable[..., Joint]:
    """The token that opens an answer, which the made-up call has where the policy may not have written it."""

    def joint(tokens: ChatTokens, ids: Sequence[int], rendered: list[int], asked: _Answers) -> Joint:
        opening = tokens.id_of(text)
        there = not asked.messages or list(ids[-1:]) == [opening] or rendered[:1] == [opening]
        return Joint(0, rendered if there else [*([] if opening is None else [opening]), *rendered])

    return joint


_PLAIN = Family(_behind_a_call({}), _plain)
_QWEN = Family(_behind_a_call({}), _put_behind("<|im_end|>", "\n"), ("<|im_end|>",), ("\n",))
_MINIMAX = Family(_behind_a_call({}), _put_behind("[e~[", "\n"), ("[e~[",), ("\n",))
_GLM_ENDS = ("<|observation|>", "<|user|>")
_GLM = Family(_behind_a_call({}), _taken_off(*_GLM_ENDS), _GLM_ENDS)
_GEMMA = Family(_gemma, _opened_by("<|tool_response>"), ("<|tool_response>",))
_HARMONY = Family(_harmony, _plain)
_DEEPSEEK = Family(_behind_a_call("{}"), _plain, ("<｜end▁of▁sentence｜>",))

FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(("qwen2", "qwen3", "qwen3_moe", "qwen3_5", "qwen3_5_moe"), _QWEN),
    **dict.fromkeys(("minimax", "minimax_text_01", "minimax_m2"), _MINIMAX),
    **dict.fromkeys(("glm4_moe", "glm_moe_dsa"), _GLM),
    "gemma4": _GEMMA,
    "gpt_oss": _HARMONY,
    **dict.fromkeys(("deepseek_v2", "deepseek_v3"), _DEEPSEEK),
}
NOT_WORKED_OUT: Mapping[str, str] = {
    "deepseek_v4": "verl writes the prompts of deepseek_v4 itself and not by a template",
    **dict.fromkeys(
        (
            *("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "minimax_vl_01", "kimi_vl"),
            *("glm4v", "glm4v_moe", "deepseek_vl_v2"),
        ),
        "conversations of a vision model are rendered by its processor",
    ),
}


def family(model_type: str | None) -> Family:
    """Raises NotSimulated."""
    named = (model_type or "").strip().lower()
    if named in NOT_WORKED_OUT:
        raise NotSimulated(NOT_WORKED_OUT[named])
    return FAMILIES.get(named, _PLAIN)
