"""Variables of a template that change its prompt, found by setting each: a thinking switch, a date, a tool's place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.chat.probe import QUESTION, Message
from toolspec.compiler.chat.folder import NAMED
from toolspec.compiler.chat.process import ChatProcess, Failure

# Names that are there without anybody's doing (environment.py), and Jinja2's own.
GIVEN = frozenset(
    {
        *("messages", "tools", "documents", "add_generation_prompt", "raise_exception", "strftime_now"),
        *("range", "dict", "lipsum", "cycler", "joiner", "namespace", "loop", "caller", *NAMED),
    }
)
VALUES: tuple[Any, ...] = (True, False, "none", "low", "medium", "high", "x-2718")
MOST = 24
_THOUGHT = {"role": "assistant", "content": "answer-1175", "reasoning_content": "thought-4401"}
# What a switch may show in: the model's turn, thinking of earlier turns, tools.
_PROBES: tuple[tuple[list[Message], bool], ...] = (
    ([QUESTION], False),
    ([QUESTION], True),
    ([{"role": "system", "content": "system-8340"}, QUESTION], False),
    ([QUESTION, _THOUGHT, {"role": "user", "content": "question-5209"}], False),
)
_THINKING = ("think", "reason", "effort")


class Switch(NamedTuple):
    """default: the value that is as good as none, as JSON has it; None where no value that was tried is.

    values: those that were tried and are taken, one for each rendering. thinking: whether its name speaks of it.
    """

    name: str
    default: Any
    values: tuple[Any, ...]
    thinking: bool


def switches(process: ChatProcess, text: Callable[..., str | Failure]) -> tuple[Switch, ...]:
    """Of the template that the process has. text: renders messages, with `tools`, `generation` and `more` variables."""
    names = [name for name in process.names() if name not in GIVEN][:MOST]
    plain = _shown(text, {})
    found = []
    for name in names:
        default: Any = None
        by_text: dict[Sequence[Any], Any] = {}
        for value in VALUES:
            shown = _shown(text, {name: value})
            if all(isinstance(one, Failure) for one in shown):
                continue
            if shown == plain and default is None:
                default = value
            by_text.setdefault(shown, value)
        if set(by_text) - {plain}:
            thinking = any(word in name.lower() for word in _THINKING)
            found.append(Switch(name, default, tuple(by_text.values()), thinking))
    return tuple(found)


def _shown(text: Callable[..., str | Failure], more: dict[str, Any]) -> tuple[str | Failure, ...]:
    return tuple(text(turns, tools=tools, generation=True, more=more) for turns, tools in _PROBES)
