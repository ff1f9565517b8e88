"""How the run's own template writes a tool's answer, as far as a policy could write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolspec.backends.verl.agent_loop import ChatTokens, LoopFailure
from toolspec.backends.verl.parsers import FORMATS
from toolspec.backends.verl.rehearsal.scripts import PLAIN_RESULT
from toolspec.compiler.chat.process import ChatError

MARK = "a made-up answer of a tool"


def result_form(tokens: ChatTokens, schemas: list[Mapping[str, Any]], format: str) -> str:
    """With `{}` for the answer, from behind the call to the start of the next turn.

    Tokens that end a turn are left out: nothing that a policy writes stands behind them. PLAIN_RESULT where the
    template refuses the conversation or shows no answer.
    """
    name = str(schemas[0]["function"]["name"]) if schemas else "tool"
    call = {"id": "call_0", "type": "function", "function": {"name": name, "arguments": {}}}
    before: list[Mapping[str, Any]] = [
        {"role": "user", "content": "a made-up question"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    answer = {"role": "tool", "content": MARK, "tool_call_id": "call_0", "name": name}
    try:
        start = tokens.text(before, schemas or None, False)
        whole = tokens.text([*before, answer], schemas or None, True)
    except (LoopFailure, ChatError):
        return PLAIN_RESULT
    text = whole[_shared(start, whole) :]
    if MARK not in text or "{}" in text:
        return PLAIN_RESULT
    stop = FORMATS[format].stop if format in FORMATS else None
    for end in (tokens.folder.tokens.get("eos_token"), stop.token if stop else None):
        text = text.replace(end, "") if end else text
    return text.replace(MARK, "{}")


def _shared(one: str, other: str) -> int:
    """Characters that both begin with."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
