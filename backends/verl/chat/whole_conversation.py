"""Whether a trajectory's ids are those of its conversation: what the policy is trained on against what is served later.

The release's agent loop joins turns by ids; whoever serves the model renders the whole conversation by its template.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from difflib import SequenceMatcher
from typing import NamedTuple

from toolspec.backends.verl.agent_loop import AgentLoop, ChatTokens, LoopFailure, LoopSettings, NotSimulated
from toolspec.backends.verl.chat.gate import PLAIN, Check
from toolspec.backends.verl.chat.probe import (
    ANSWER,
    PROBE,
    QUESTION,
    call_message,
    probe_tool,
    result_message,
)
from toolspec.backends.verl.chat.subject import Subject
from toolspec.backends.verl.releases import NEWEST

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

    @property
    def words(self) -> str:
        loop, template, before = (json.dumps(text, ensure_ascii=False) for text in self)
        if self.loop == self.template:
            return f"behind {before} it has {loop} in other tokens"
        if not self.loop:
            return f"behind {before} it lacks {template}"
        return f"behind {before} it has {loop}" + (f" and not {template}" if self.template else "")


SAME = Difference("", "", "")


def ids_check(tokens: ChatTokens, subject: Subject) -> Check | None:
    """A question, a call, its answer and a last turn. tokens: of the subject. Raises ChatError.

    None where there is no such trajectory: the call is not read, or verl raises, which other checks say; a model whose
    joints are not worked out; and gpt-oss, whose history is written otherwise than what it generates.
    """
    if subject.format == "gpt-oss":
        return None
    limits = LoopSettings(
        subject.release,
        LONG,
        LONG,
        subject.format,
        model_type=subject.model_type,
        max_tool_response_length=LONG,
    )
    found = _compared(tokens, limits)
    if found is None:
        return None
    if found == SAME:
        return Check("ids", "ok", "the ids of a trajectory are those of its conversation by the template")
    kept = subject.release != NEWEST and _compared(tokens, limits._replace(release=NEWEST)) == SAME
    message = f"a trajectory has other ids than its conversation by the template: {found.words}"
    return Check(
        "ids",
        "warning",
        message,
        f"verl {NEWEST}, whose loop joins turns as the template does" if kept else "",
    )


def _compared(tokens: ChatTokens, limits: LoopSettings) -> Difference | None:
    """SAME for equal ids; None where there is nothing to compare."""
    final = {"role": "assistant", "content": FINAL}
    whole = [QUESTION, call_message(PROBE, PLAIN), result_message(), final]
    try:
        ids = _trajectory(tokens, limits)
        if ids is None:
            return None
        rendered = tokens.applied(whole, [probe_tool()], False)
    except (LoopFailure, NotSimulated):
        return None
    last = tokens.encode(FINAL)
    return _difference(tokens, _through(ids, last), _through(rendered, last))


def _trajectory(tokens: ChatTokens, limits: LoopSettings) -> list[int] | None:
    """All ids; None where the call is not read, or not written behind the generation prompt."""
    tool = probe_tool()
    turn = _turn(tokens)
    if turn is None:
        return None
    loop = AgentLoop(tokens, limits, [tool])
    end = tokens.folder.tokens.get("eos_token")
    number = tokens.id_of(end) if end else None
    turns = iter((_until(tokens.encode(turn), {number, *loop.stop_token_ids}), tokens.encode(FINAL)))
    found = loop.run([QUESTION], lambda ids: next(turns, []), lambda name, arguments: ANSWER)
    return [*found.prompt_ids, *found.response_ids] if found.called else None


def _turn(tokens: ChatTokens) -> str | None:
    """The text of a call as the template writes it behind its own generation prompt."""
    conversation = [QUESTION, call_message(PROBE, PLAIN)]
    whole, before = (
        tokens.text(turns, [probe_tool()], end) for turns, end in ((conversation, False), ([QUESTION], True))
    )
    return whole[len(before) :] if whole.startswith(before) else None


def _until(ids: list[int], ends: Collection[int | None]) -> list[int]:
    """What the engine returns of it: up to the first token that ends a turn."""
    return next((ids[: at + 1] for at, one in enumerate(ids) if one in ends), ids)


def _through(ids: list[int], last: list[int]) -> list[int]:
    """Up to the last turn's text: what ends that turn is the policy's choice here, and the template's there."""
    ends = (at + len(last) for at in range(len(ids), -1, -1) if ids[at : at + len(last)] == last)
    return ids[: next(ends, len(ids))]


def _difference(tokens: ChatTokens, mine: list[int], its: list[int]) -> Difference:
    for kind, i, j, k, m in SequenceMatcher(None, mine, its, autojunk=False).get_opcodes():
        if kind != "equal":
            return Difference(*map(tokens.decode, (mine[i:j], its[k:m], mine[max(0, i - 6) : i])))
    return SAME
