"""Whether a trajectory's ids are those of its conversation: what the policy is trained on against what is served later.

The release's agent loop joins turns by ids; whoever serves the model renders the whole conversation by its template.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from toolspec.backends.verl.agent_loop import AgentLoop, ChatTokens, LoopSettings
from toolspec.backends.verl.chat.probe import (
    ANSWER,
    PROBE,
    QUESTION,
    call_message,
    probe_tool,
    result_message,
)

ARGUMENTS = {"text": "value-6174"}
FINAL = "answer-8213"
LONG = 1 << 20
"""Tokens: no limit is met."""


class Difference(NamedTuple):
    """Texts at the first place where both differ. loop: of the trajectory, template: of the conversation; "" for none.

    before: what stands there in both.
    """

    loop: str
    template: str
    before: str


class Joined(NamedTuple):
    """calls: whether the turn was read as a call; without that there is nothing to compare."""

    calls: bool
    difference: Difference | None = None


def joined(tokens: ChatTokens, limits: LoopSettings, turn: str) -> Joined:
    """A question, a call, its answer and a last turn. turn: the call as the policy writes it.

    Raises LoopFailure, NotSimulated and ChatError, and LoopFailure where the template refuses the conversation.
    """
    tool = probe_tool()
    loop = AgentLoop(tokens, limits._replace(prompt_length=LONG, response_length=LONG), [tool])
    end = tokens.folder.tokens.get("eos_token")
    ends = {tokens.id_of(end) if end else None, *loop.stop_token_ids} - {None}
    turns = iter(
        (_until(tokens.encode(turn), ends), [*tokens.encode(FINAL), *([tokens.id_of(end)] if end else [])])
    )

    def policy(ids: Sequence[int]) -> list[int]:
        return [one for one in next(turns, []) if one is not None]

    found = loop.run([QUESTION], policy, lambda name, arguments: ANSWER)
    if not found.called:
        return Joined(False)
    whole = [
        QUESTION,
        call_message(PROBE, ARGUMENTS),
        result_message(),
        {"role": "assistant", "content": FINAL},
    ]
    rendered = tokens.applied(whole, [tool], False)
    last = tokens.encode(FINAL)
    return Joined(
        True,
        _difference(
            tokens, _through([*found.prompt_ids, *found.response_ids], last), _through(rendered, last)
        ),
    )


def _until(ids: list[int], ends: set[int | None]) -> list[int]:
    return next((ids[: at + 1] for at, one in enumerate(ids) if one in ends), ids)


def _through(ids: list[int], last: list[int]) -> list[int]:
    """Up to the last turn's text: what ends that turn is the policy's choice here, and the template's there."""
    ends = (at + len(last) for at in range(len(ids), -1, -1) if ids[at : at + len(last)] == last)
    return ids[: next(ends, len(ids))]


def _difference(tokens: ChatTokens, mine: list[int], its: list[int]) -> Difference | None:
    for kind, i, j, k, m in SequenceMatcher(None, mine, its, autojunk=False).get_opcodes():
        if kind != "equal":
            return Difference(*map(tokens.decode, (mine[i:j], its[k:m], mine[max(0, i - 6) : i])))
    return None
