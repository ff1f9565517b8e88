"""What a rehearsal gives: frozen values, nothing of how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from toolspec.backends.verl.rehearsal.scripts import Script
from toolspec.backends.verl.rehearsal.user_process import ToolRun


class ToolCall(NamedTuple):
    """A call as the loop executed or refused it. turn: of the policy's, from 0. answer: what the model reads."""

    turn: int
    name: str
    arguments: str
    answer: str


class Scored(NamedTuple):
    """As ts_scorer.Scored. values: of the terms before their weights; paid: what each adds, `overlong` among them.

    Both are empty for a reward that is one function.
    """

    score: float
    values: Mapping[str, float]
    paid: Mapping[str, float]
    metrics: Mapping[str, Any]
    facts: Mapping[str, Any]
    fault: str | None


class Lost(NamedTuple):
    """An episode that has no outcome. how: hung, crashed, raised, or unplayed, where it was not begun.

    who: tools under way, or `reward`. reason: a clause.
    """

    how: str
    who: tuple[str, ...]
    reason: str
    tail: str = ""


class Piece(NamedTuple):
    """Tokens that make a text together, mostly one. by: prompt, policy or environment (what stands between turns)."""

    text: str
    tokens: int
    by: str


class Episode(NamedTuple):
    """row: its number in the data, from 0. ids are empty where the episode is lost before its prompt is built.

    fields: what the loop tells the reward. turn_limits: the most tokens that the engine would let each turn have.
    runs: of the user's code. cut: whether the prompt is longer than its limit.
    leaks: (tool, thread, process or file, which one).
    """

    row: int
    policy: str
    script: Script
    prompt_ids: tuple[int, ...] = ()
    response_ids: tuple[int, ...] = ()
    mask: tuple[int, ...] = ()
    stop: str = ""
    turns: int = 0
    turn_limits: tuple[int, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    runs: tuple[ToolRun, ...] = ()
    fields: Mapping[str, Any] = {}
    scored: Scored | None = None
    lost: Lost | None = None
    cut: bool = False
    leaks: tuple[tuple[str, str, str], ...] = ()
    seconds: float = 0.0
    pieces: tuple[Piece, ...] = ()

    @property
    def policy_tokens(self) -> int:
        return sum(self.mask)
