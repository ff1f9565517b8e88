"""Token ids of conversations as verl gets them from the tokenizer, by a process of compiler/chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolspec.compiler.chat.folder import ChatFolder
from toolspec.compiler.chat.process import ChatProcess, Failure

Message = Mapping[str, Any]
Schemas = Sequence[Mapping[str, Any]]

# A user's empty turn, before which verl puts what a template refuses to stand alone (chat_template.py
# apply_chat_template of each release).
_LEADING: Message = {"role": "user", "content": [{"type": "text", "text": ""}]}


class LoopFailure(Exception):
    """verl raises here, and the trajectory has no outcome. The message is the name of the exception's class.

    reason: why, as a clause.
    """

    def __init__(self, kind: str, reason: str = "") -> None:
        super().__init__(kind)
        self.reason = reason or kind


class NotSimulated(Exception):
    """What verl does here is not worked out by toolspec. The message is a clause that says what."""


class ChatTokens:
    """folder: a model's, with a tokenizer. custom: `model.custom_chat_template`, in place of the folder's templates.

    kwargs: `data.apply_chat_template_kwargs`. loaded: the process has the tokenizer.
    Raises ChatError, as all methods do, where the process does not answer.
    """

    def __init__(
        self,
        process: ChatProcess,
        folder: ChatFolder,
        custom: str | None = None,
        kwargs: Mapping[str, Any] | None = None,
        loaded: bool = False,
    ) -> None:
        self.process, self.folder, self.custom = process, folder, custom
        self.kwargs: Mapping[str, Any] = kwargs or {}
        self._template: str | None = None
        self._known: dict[str, int | None] = {}
        if not loaded:
            process.tokenizer(folder)

    def rendered(
        self, messages: Sequence[Message], tools: Schemas | None, generation: bool, kwargs: Mapping[str, Any]
    ) -> list[int]:
        """tokenizer.apply_chat_template. Raises LoopFailure where the template does, or there is none."""
        ids: list[int] = self._rendered("ids", messages, tools, generation, kwargs)
        return ids

    def text(self, messages: Sequence[Message], tools: Schemas | None, generation: bool) -> str:
        """The same as text, with the run's own kwargs."""
        text: str = self._rendered("render", messages, tools, generation, self.kwargs)
        return text

    def _rendered(
        self,
        what: str,
        messages: Sequence[Message],
        tools: Schemas | None,
        generation: bool,
        kwargs: Mapping[str, Any],
    ) -> Any:
        template = self.custom or self.folder.template(tools is not None)
        if template is None:
            raise LoopFailure("ValueError", "there is no chat template")
        if template != self._template:
            self.process.template(template)
            self._template = template
        variables = {**self.folder.variables, **kwargs}
        found = self.process.rows(what, [messages], tools, generation, variables)[0]
        if isinstance(found, Failure):
            raise LoopFailure(found.kind, found.reason)
        return found

    def applied(self, messages: Sequence[Message], tools: Schemas | None, generation: bool) -> list[int]:
        """verl's apply_chat_template: what is refused is rendered behind an empty turn of a user, which is cut off."""
        try:
            return self.rendered(messages, tools, generation, self.kwargs)
        except LoopFailure:
            leading = self.rendered([_LEADING], tools, False, self.kwargs)
            return self.rendered([_LEADING, *messages], tools, generation, self.kwargs)[len(leading) :]

    def encode(self, text: str) -> list[int]:
        return self.process.encode([text])[0]

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        return self.process.decode([ids], skip_special_tokens)[0]

    def id_of(self, token: str) -> int | None:
        """tokenizer.convert_tokens_to_ids: the unknown token's where there is none of this text, None without that."""
        if token not in self._known:
            unknown = self.folder.tokens.get("unk_token")
            found, other = self.process.token_ids([token, token if unknown is None else unknown])
            self._known[token] = other if found is None else found
        return self._known[token]
