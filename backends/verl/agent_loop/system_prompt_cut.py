"""0.7.1 and 0.8.0: the answers are rendered as a conversation of their own, and the default system prompt is cut off.

What the template writes behind the policy's last token (the newline of ChatML) is lost.
Source: agent_loop.py apply_chat_template (0.7.1 :291-357, 0.8.0 :272-358), chat_template.py initialize_system_prompt,
tool_agent_loop.py `_handle_processing_tools_state` (0.7.1 :342-356, 0.8.0 :354-379).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolspec.backends.verl.agent_loop.boundary import Joint
from toolspec.backends.verl.agent_loop.chat_tokens import ChatTokens, Message, Schemas
from toolspec.backends.verl.agent_loop.settings import LoopSettings

_EMPTY: Message = {"role": "user", "content": ""}


class SystemPromptCut:
    """Raises LoopFailure where the template refuses one or two empty turns of a user."""

    def __init__(self, tokens: ChatTokens, settings: LoopSettings) -> None:
        self.tokens, self.format = tokens, settings.format
        oldest = settings.release == "0.7.1"
        self.longest = None if oldest else settings.prompt_length
        # 0.7.1 leaves out what the user hands to the template, such as a thinking switch.
        kwargs: Mapping[str, Any] = {} if oldest else tokens.kwargs
        one, two = (tokens.rendered([_EMPTY] * number, None, False, kwargs) for number in (1, 2))
        self.cut = len(one[: -(len(two) - len(one))])

    def first(self, messages: Sequence[Message], tools: Schemas | None) -> list[int]:
        return self._capped(self.tokens.applied(messages, tools, True))

    def joint(
        self,
        ids: Sequence[int],
        messages: Sequence[Message],
        answers: Sequence[Message],
        names: Sequence[str],
        tools: Schemas,
    ) -> Joint:
        texts = [str(one["content"]) for one in answers]
        if self.format == "gpt-oss":
            said = "".join(map(harmony_answer, names, texts))
            return Joint(0, self.tokens.encode(f"{said}<|start|>assistant"))
        if self.format == "gemma4":
            turns = map(_gemma_answer, names, texts)
            return Joint(0, self.tokens.encode("".join(turns)))
        return Joint(0, self._capped(self.tokens.applied(answers, None, True)[self.cut :]))

    def _capped(self, ids: list[int]) -> list[int]:
        """0.8.0 keeps the end of what is longer than a prompt may be, answers of tools among it."""
        if self.longest is None or len(ids) <= self.longest:
            return ids
        return ids[-self.longest :]


def harmony_answer(name: str, text: str) -> str:
    """A tool's message in OpenAI's harmony format (openai/harmony docs/format.md, "Receiving tool calls")."""
    return f"<|start|>functions.{name} to=assistant<|channel|>commentary<|message|>{text}<|end|>"


def _gemma_answer(name: str, text: str) -> str:
    return f'<|tool_response>response:{name}{{value:<|"|>{text}<|"|>}}<tool_response|>'
