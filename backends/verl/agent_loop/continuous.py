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
from toolspec.backends.verl.agent_loop.builders import (
    BEFORE,
    NAME,
    Builder,
    builder_of,
    call_id,
    made_up_call,
)
from toolspec.backends.verl.agent_loop.chat_tokens import (
    ChatTokens,
    LoopFailure,
    Message,
    NotSimulated,
    Schemas,
)
from toolspec.backends.verl.agent_loop.settings import LoopSettings
from toolspec.backends.verl.agent_loop.system_prompt_cut import harmony_answer


class _Answers(NamedTuple):
    """before: the conversation up to the call. names: of the tools that were called, as its last turn has them."""

    before: Sequence[Message]
    messages: Sequence[Message]
    names: Sequence[str]
    tools: Schemas
    builder: Builder


class Family(NamedTuple):
    """rendered: the answers' ids. joint: what becomes of the end that stands, and of the ids."""

    rendered: Callable[[ChatTokens, _Answers], list[int]]
    joint: Callable[[ChatTokens, Sequence[int], list[int], _Answers], Joint]


class Continuous:
    """Raises LoopFailure where the tokenizer lacks what the family needs, NotSimulated for other families."""

    def __init__(self, tokens: ChatTokens, settings: LoopSettings) -> None:
        self.tokens, self.longest = tokens, settings.prompt_length
        builder = self.builder = builder_of(settings.model_type)
        self.family = _family(builder)
        if builder.newline and len(tokens.encode("\n")) != 1:
            raise LoopFailure("ValueError", "a newline is more than one token")
        for text in builder.tokens:
            if tokens.id_of(text) is None:
                raise LoopFailure("ValueError", f"`{text}` is no token")

    def first(self, messages: Sequence[Message], tools: Schemas | None) -> list[int]:
        return self.tokens.applied(messages, tools, True)[-self.longest :]

    def joint(
        self,
        ids: Sequence[int],
        messages: Sequence[Message],
        answers: Sequence[Message],
        names: Sequence[str],
        tools: Schemas,
    ) -> Joint:
        asked = _Answers(messages, answers, _by_id(answers, names), tools, self.builder)
        rendered = self.family.rendered(self.tokens, asked) if answers else []
        return self.family.joint(self.tokens, ids, rendered, asked)


def _suffix(
    tokens: ChatTokens, before: Sequence[Message], more: Sequence[Message], generation: bool, tools: Schemas
) -> list[int]:
    """What the conversation has beyond its beginning. Raises LoopFailure where it begins with other ids."""
    start = tokens.applied(before, tools, False)
    whole = tokens.applied([*before, *more], tools, generation)
    if whole[: len(start)] != start:
        raise LoopFailure("ValueError", "the tokens before a tool's answer are others with it than without")
    return whole[len(start) :]


def _by_id(answers: Sequence[Message], names: Sequence[str]) -> list[str]:
    """The names again; calls of one id have the first one's."""
    named: dict[Any, str] = {}
    for one, name in zip(answers, names, strict=True):
        named.setdefault(one.get("tool_call_id"), name)
    return [
        name if one.get("tool_call_id") is None else named[one["tool_call_id"]]
        for one, name in zip(answers, names, strict=True)
    ]


def _behind_a_call(tokens: ChatTokens, asked: _Answers) -> list[int]:
    call = made_up_call(asked.messages, [NAME] * len(asked.messages), asked.builder.arguments)
    return _suffix(tokens, [*BEFORE, call], asked.messages, True, asked.tools)


def _harmony(tokens: ChatTokens, asked: _Answers) -> list[int]:
    """The answers as text; the generation prompt from the whole conversation."""
    said = (json.dumps(one["content"], ensure_ascii=False, separators=(",", ":")) for one in asked.messages)
    ids = tokens.encode("".join(map(harmony_answer, asked.names, said)))
    return ids + _suffix(tokens, [*asked.before, *asked.messages], [], True, asked.tools)


def _gemma(tokens: ChatTokens, asked: _Answers) -> list[int]:
    """The model's turn goes on behind an answer, so there is no generation prompt."""
    named = [
        {**one, "tool_call_id": call_id(one, at), "name": name}
        for at, (one, name) in enumerate(zip(asked.messages, asked.names, strict=True))
    ]
    call = made_up_call(asked.messages, asked.names, asked.builder.arguments)
    return _suffix(tokens, [*BEFORE, call], named, False, asked.tools)


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


FAMILIES: Mapping[str, Family] = {
    "default": Family(_behind_a_call, _plain),
    "qwen": Family(_behind_a_call, _put_behind("<|im_end|>", "\n")),
    "minimax": Family(_behind_a_call, _put_behind("[e~[", "\n")),
    "glm": Family(_behind_a_call, _taken_off("<|observation|>", "<|user|>")),
    "gemma4": Family(_gemma, _opened_by("<|tool_response>")),
    "gptoss": Family(_harmony, _plain),
    "deepseek": Family(_behind_a_call, _plain),
}
"""By the names of builders.py."""


def _family(builder: Builder) -> Family:
    """Raises NotSimulated."""
    if builder.media:
        raise NotSimulated("conversations of a vision model are rendered by its processor")
    if builder.name not in FAMILIES:
        raise NotSimulated(f"verl writes the prompts of {builder.name} itself and not by a template")
    return FAMILIES[builder.name]
