"""What stands around the policy's turns: prompt and tools' answers as the model's own chat template writes them.

The template is a program of whoever wrote the model's folder: it is rendered in the process of compiler/chat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from toolspec.compiler.chat.process import ChatError, ChatProcess

if TYPE_CHECKING:
    from toolspec.backends.verl.compile import Compiled

QUESTION = {"role": "user", "content": "(the row's question)"}


class Frame(NamedTuple):
    """owner: whose template it is. variables: its names beside messages and tools. end: the token that ends a turn."""

    owner: str
    template: str
    variables: Mapping[str, Any]
    tools: tuple[Mapping[str, Any], ...]
    end: str = ""


class Framed(NamedTuple):
    """prompt: with the tools, up to the policy's first turn. between: by the texts of a turn's answers, what the policy
    reads before its next turn. closed: whether the token that ends a turn stands behind a call too.
    """

    prompt: str
    between: Mapping[tuple[str, ...], str]
    closed: bool


class NoFrameError(Exception):
    """Why nothing is rendered, as a clause."""


def frame_of(compiled: Compiled) -> Frame:
    """Raises NoFrameError where no template is at hand."""
    from toolspec.backends.verl.chat.subject import subject_of
    from toolspec.specs.problem import ProblemError

    try:
        subject = subject_of(compiled)
    except ProblemError as error:
        raise NoFrameError("; ".join(each.message for each in error.problems)) from None
    end = subject.variables.get("eos_token") or ""
    return Frame(subject.owner, subject.template, subject.variables, tuple(subject.schemas), str(end))


def frame_or_reason(compiled: Compiled) -> Frame | str:
    """The model's frame, or why there is none, as a clause."""
    try:
        return frame_of(compiled)
    except NoFrameError as error:
        return str(error)


def framed(frame: Frame, answers: Sequence[tuple[str, ...]]) -> Framed:
    """answers: the texts of the tools' answers of each turn. Raises NoFrameError where the template refuses."""
    told = list(dict.fromkeys(answers))
    try:
        with ChatProcess() as process:
            process.template(frame.template)
            prompt = _rendered(process, frame, [QUESTION], True)
            pairs = [_answered(process, frame, texts) for texts in told]
    except ChatError as error:
        raise NoFrameError(f"the template cannot be rendered: {error}") from None
    found = [
        _behind(before, after, texts, frame.end) for texts, (before, after) in zip(told, pairs, strict=True)
    ]
    closed = any(frame.end and before.rstrip().endswith(frame.end) for before, _ in pairs)
    return Framed(prompt, dict(zip(told, found, strict=True)), closed)


def _answered(process: ChatProcess, frame: Frame, texts: tuple[str, ...]) -> tuple[str, str]:
    """A conversation up to calls, and with their answers, in the first form that the template takes.

    Some templates want arguments as text, and some take one call of a message.
    """
    why: NoFrameError | None = None
    for number, arguments in ((len(texts), {"x": "x"}), (len(texts), '{"x": "x"}'), (1, {"x": "x"})):
        calling = [QUESTION, _calling(frame, number, arguments)]
        try:
            before = _rendered(process, frame, calling, False)
            return before, _rendered(process, frame, [*calling, *_told(frame, texts)], True)
        except NoFrameError as error:
            why = why or error
    raise why or NoFrameError("")


def _rendered(process: ChatProcess, frame: Frame, messages: Sequence[Any], generation: bool) -> str:
    found = process.rows("render", [messages], list(frame.tools) or None, generation, frame.variables)[0]
    if not isinstance(found, str):
        raise NoFrameError(f"the template refuses the transcript: {found.reason}")
    return found


def _calling(frame: Frame, number: int, arguments: Any) -> Mapping[str, Any]:
    function = {"name": _name(frame), "arguments": arguments}
    calls = [{"id": f"call_{place}", "type": "function", "function": function} for place in range(number)]
    return {"role": "assistant", "content": "", "tool_calls": calls}


def _told(frame: Frame, texts: Sequence[str]) -> list[Mapping[str, Any]]:
    return [
        {"role": "tool", "tool_call_id": f"call_{place}", "name": _name(frame), "content": text}
        for place, text in enumerate(texts)
    ]


def _name(frame: Frame) -> str:
    return str(frame.tools[0]["function"]["name"]) if frame.tools else "tool"


def _behind(before: str, after: str, texts: Sequence[str], end: str) -> str:
    """What the template adds to a conversation, behind the token that ends the policy's turn."""
    if after.startswith(before):
        space = before[len(before.rstrip()) :] if end and before.rstrip().endswith(end) else ""
        return space + after[len(before) :]
    # The call is rendered otherwise once it has been answered: what stands behind its turn, up to the first answer.
    shared = next(
        (place for place, (one, other) in enumerate(zip(before, after, strict=False)) if one != other),
        min(len(before), len(after)),
    )
    first = after.find(texts[0], shared) if texts else -1
    closed = after.rfind(end, shared, first) if end and first >= 0 else -1
    return after[closed + len(end) if closed >= 0 else shared :]
