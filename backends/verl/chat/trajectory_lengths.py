"""What a trajectory of all its tool rounds takes: as the data have it, at the worst for such text, and in any case."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from toolspec.backends.verl.chat.length_limits import Limits
from toolspec.backends.verl.chat.lengths import Lengths
from toolspec.backends.verl.chat.text_lengths import TextKind

ENOUGH = 30
"""Texts of a kind from which a quantile is taken."""


class Parts(NamedTuple):
    """Tokens of each part over a whole trajectory. final: the policy's last turn."""

    calls: int
    answers: int
    marks: int
    final: int

    @property
    def total(self) -> int:
        return sum(self)


class Answer(NamedTuple):
    """Tokens of one tool answer: typical, high for such text, at most in ASCII text, and in any (0: unknown)."""

    typical: int
    high: int
    ascii: int
    any: int


class Trajectory(NamedTuple):
    """rounds: that the parts are of; `limited` says whether that is the limit, else one round is shown.

    hard: tokens that tools can bring in at most, in ASCII text and in any. assumed: what the figures rest on.
    """

    rounds: int
    limited: bool
    answer: Answer
    typical: Parts
    worst: Parts
    hard: tuple[int, int]
    assumed: tuple[str, ...]

    def fitting(self, response: int) -> tuple[int, int]:
        """Rounds that a response of so many tokens has room for: typical ones, and the worst."""
        found = []
        for parts in (self.typical, self.worst):
            each = (parts.total - parts.final) // max(1, self.rounds)
            # verl ends a trajectory that an answer fills to the limit (tool_agent_loop.py: `>=`).
            found.append(max(0, (response - 1 - parts.final) // each) if each else 0)
        return found[0], found[1]


def trajectory(found: Lengths, limits: Limits, tools: bool) -> Trajectory | None:
    """None without tools: one turn, of which the data say nothing."""
    if not tools:
        return None
    assumed: list[str] = []
    rounds = 1 if limits.rounds is None else limits.rounds
    answer = _answer(found, limits, assumed)
    call, call_high = found.calls
    said = found.texts.assistant
    if said.texts >= ENOUGH:
        call, call_high = max(call, said.tokens), max(call_high, said.tokens_high)
        assumed.append(f"a turn of the policy's is as the {said.texts:,} of assistants in the prompts")
    elif not call_high:
        assumed.append("turns of the policy's are not counted: the template does not write a call")
    else:
        assumed.append("a turn of the policy's is one call, with texts of 24 characters, and no reasoning")
    truth = found.texts.truth
    final, final_high = (truth.tokens, truth.tokens_high) if truth.texts else (0, 0)
    assumed.append(
        f"the last turn is the accepted answer alone ({truth.texts:,} of the rows looked at)"
        if truth.texts
        else "the last turn is not counted: the rows have no accepted answers"
    )
    if limits.turn:
        call, call_high, final, final_high = (
            min(n, limits.turn) for n in (call, call_high, final, final_high)
        )
    first, other = found.around
    marks = first + (limits.parallel - 1) * other
    if limits.parallel > 1:
        assumed.append(f"one call a turn is typical, {limits.parallel} (max_parallel_calls) the worst")
    return Trajectory(
        rounds,
        limits.rounds is not None,
        answer,
        Parts(rounds * call, rounds * answer.typical, rounds * first, final),
        Parts(rounds * call_high, rounds * limits.parallel * answer.high, rounds * marks, final_high),
        (
            rounds * (limits.parallel * answer.ascii + marks),
            rounds * (limits.parallel * answer.any + marks) if answer.any else 0,
        ),
        tuple(assumed),
    )


def _answer(found: Lengths, limits: Limits, assumed: list[str]) -> Answer:
    seen = found.texts.tool
    known = seen.texts >= ENOUGH
    if limits.answer:
        most = limits.answer
        if known:
            assumed.append(
                f"an answer is as the {seen.texts:,} of tools in the prompts; at most {most:,} tokens"
            )
            return Answer(min(most, seen.tokens), most, most, most)
        assumed.append(f"every answer has the {most:,} tokens that it may have")
        return Answer(most, most, most, most)
    text, what = (seen, "tools' answers") if known else (found.texts.user, "users' texts")
    characters = limits.characters
    if not text.each_character:
        assumed.append("a token for each character: the prompts have no text to go by")
        text = TextKind(1, 1.0, 1.0)
    else:
        assumed.append(
            f"{text.each_character:.2f} tokens a character, at the worst {text.each_character_high:.2f}: median and"
            f" 99th percentile of {text.texts:,} {what} in the prompts"
        )
    typical = ceil(characters * text.each_character)
    if known:
        typical = min(typical, seen.tokens)
    else:
        assumed.append(
            f"every answer is cut at its {characters:,} characters (the mark of the cut among them)"
        )
    return Answer(
        typical, ceil(characters * text.each_character_high), characters, characters * found.a_character
    )
