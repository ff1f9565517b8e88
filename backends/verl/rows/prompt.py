"""The prompt of a row as verl reads it: a list of messages, each a role and a text."""

from __future__ import annotations

from typing import Any

from toolspec.backends.verl.rows.shape import is_unicode, word

Message = dict[str, str]


class Unusable(ValueError):
    """A value that cannot be written. fix: the smallest change that repairs it."""

    def __init__(self, message: str, fix: str = "", why: str = "") -> None:
        super().__init__(message)
        self.fix, self.why = fix, why


def messages(value: Any, column: str) -> list[Message]:
    """Text is one user message; a list of {role, content} stays as it is. Raises Unusable.

    verl hands `prompt` to the chat template as it stands (rl_dataset.py, all releases): a text there would be
    taken for a list of characters, of which Qwen's template renders none.
    """
    if value is None:
        raise Unusable(f"`{column}` is null", "leave the row out, or fill it in")
    if isinstance(value, str):
        if not value.strip():
            raise Unusable(f"`{column}` is empty", "leave the row out, or fill it in")
        return [{"role": "user", "content": _text(value, column)}]
    if not isinstance(value, list):
        raise Unusable(f"`{column}` is {word(value)}", "text, or a list of {role, content} messages")
    if not value:
        raise Unusable(f"`{column}` has no messages", "leave the row out, or fill it in")
    return [_message(part, f"{column}[{number}]") for number, part in enumerate(value)]


def _message(value: Any, path: str) -> Message:
    if not isinstance(value, dict):
        raise Unusable(f"`{path}` is {word(value)}", "a message is {role: user, content: text}")
    for name in ("role", "content"):
        if value.get(name) is None:
            keys = ", ".join(f"`{key}`" for key, part in value.items() if part is not None) or "nothing"
            raise Unusable(
                f"`{path}` has no `{name}` (it has {keys})", "a message is {role: user, content: text}"
            )
    more = [
        name for name, part in value.items() if name not in ("role", "content") and part not in (None, [], {})
    ]
    if more:
        why = "a prompt with tool calls of its own is not supported yet"
        raise Unusable(
            f"`{path}` has `{more[0]}` beside role and content", f"drop `{more[0]}` from the messages", why
        )
    role, content = value["role"], value["content"]
    if not isinstance(role, str) or not role.strip():
        raise Unusable(
            f"`{path}.role` is {word(role) if not isinstance(role, str) else 'empty'}", "user, for example"
        )
    if isinstance(content, list):
        raise Unusable(
            f"`{path}.content` is a list of parts", "text only: images and audio are not supported yet"
        )
    if not isinstance(content, str):
        raise Unusable(f"`{path}.content` is {word(content)}", "text")
    if role == "user" and not content.strip():
        raise Unusable(f"`{path}.content` is empty", "leave the row out, or fill it in")
    return {"role": _text(role, f"{path}.role"), "content": _text(content, f"{path}.content")}


def _text(value: str, path: str) -> str:
    if not is_unicode(value):
        raise Unusable(f"`{path}` holds half of a surrogate pair, which is no character", "repair the text")
    return value


def system_text(value: Any, column: str) -> str | None:
    """The row's own system message; None where it has none (null or blank). Raises Unusable."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise Unusable(f"`{column}` is {word(value)}", "a system message is text")
    return _text(value, column) if value.strip() else None
