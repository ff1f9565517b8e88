"""How the tools' answers become tokens behind a turn of the policy's: each release's way is a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from toolspec.backends.verl.agent_loop.chat_tokens import Message, Schemas


class Joint(NamedTuple):
    """removed: tokens taken off the end of what stands. added: those that follow. None of them are the policy's."""

    removed: int
    added: list[int]


class Boundary(Protocol):
    """Methods raise LoopFailure where verl raises, and ChatError."""

    def first(self, messages: Sequence[Message], tools: Schemas | None) -> list[int]:
        """The prompt's ids, cut as the release cuts them."""
        ...

    def joint(
        self,
        ids: Sequence[int],
        messages: Sequence[Message],
        answers: Sequence[Message],
        names: Sequence[str],
        tools: Schemas,
    ) -> Joint:
        """ids: all that stands. messages: before the answers. names: of the tools that were called, one an answer."""
        ...
