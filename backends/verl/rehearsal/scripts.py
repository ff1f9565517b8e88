"""What a policy writes, turn by turn, and what it is written from: a row's accepted answer, the tools' schemas.

A script is fixed before its trajectory begins, so that the same script can be given to verl's own loop.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.parsers.writing import answered, written
from toolspec.compiler.call_arguments import breaking, fitting, of_a_number, of_a_question

RAMBLE = "Let me think about this again. "
NO_TOOL = "no_such_tool"
PLAIN_RESULT = "\n<tool_response>\n{}\n</tool_response>\n"
"""How a tool's answer stands in the text of a trajectory where the run's template does not say."""


class Turn(NamedTuple):
    """text: without the token that ends a turn. endless: again and again until a limit ends it."""

    text: str
    endless: bool = False


class Task(NamedTuple):
    """truth: the row's accepted answer as text, None without one. guess: an answer that is not accepted.

    form: of an answer that the reward reads, with `{}` for the answer. schemas: the row's tools. rounds: of calls at
    most, None for no limit. limited: whether a turn has a limit of tokens. candidates: accepted answers of many rows,
    this one's among them. result: how the run's template writes a tool's answer, with `{}` for it. expected: the calls
    that are the row's answer, name and arguments each, None where it does not ask for calls. others: calls of another
    row, which are no answer of this one. common: an answer that every row
    accepts, None where there is none.
    """

    question: str
    truth: str | None
    guess: str
    form: str
    format: str
    schemas: Sequence[Mapping[str, Any]]
    needed: int
    rounds: int | None
    limited: bool
    dice: random.Random
    candidates: Sequence[str] = ()
    result: str = PLAIN_RESULT
    expected: Sequence[tuple[str, Mapping[str, Any]]] | None = None
    others: Sequence[tuple[str, Mapping[str, Any]]] = ()
    common: str | None = None

    def answer(self, text: str | None) -> Turn:
        """In the form that the reward reads."""
        return self.say(self.formed("" if text is None else text))

    def formed(self, text: str) -> str:
        return self.form.replace("{}", text)

    def say(self, text: str, endless: bool = False) -> Turn:
        """What the user is told."""
        return Turn(answered(self.format, text), endless)

    def call(self, schema: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> str:
        function = schema["function"]
        if given is None:
            given = fitting(function.get("parameters") or {}, of_a_question(self.question, self.dice))
        return written(self.format, str(function["name"]), given)

    def calls(self, number: int) -> list[str]:
        """Calls that fit the schemas, the tools in turn from a random one on."""
        first = self.dice.randrange(len(self.schemas)) if self.schemas else 0
        return [
            self.call(self.schemas[(first + at) % len(self.schemas)])
            for at in range(number * bool(self.schemas))
        ]

    def different_calls(self, number: int) -> list[str]:
        """Calls that fit the schemas, no two alike where the schemas have other values."""
        made = []
        for at in range(number * bool(self.schemas)):
            schema = self.schemas[at % len(self.schemas)]
            given = fitting(schema["function"].get("parameters") or {}, of_a_number(at + 1))
            made.append(self.call(schema, given))
        return made

    def needed_calls(self) -> list[str]:
        """As many as the row needs, or as the budget has rounds for; those that it expects."""
        if self.expected is not None:
            return self._written(self.expected)
        return self.calls(self.needed if self.rounds is None else min(self.needed, self.rounds))

    def wrong_calls(self) -> list[str]:
        """As many as the row needs; where its answer is calls, those of another row, or one that is not asked for."""
        if self.expected is None:
            return self.needed_calls()
        known = set(self._written(self.expected))
        return (
            self._written(self.others) or [call for call in self.different_calls(8) if call not in known][:1]
        )

    def _written(self, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
        """A turn each, or several in one where there are more than rounds; those of a last turn are scored too."""
        texts = [written(self.format, name, given) for name, given in calls]
        rounds = len(texts) if self.rounds is None else max(1, self.rounds)
        each = max(1, -(-len(texts) // max(1, rounds)))
        return ["\n".join(texts[at : at + each]) for at in range(0, len(texts), each)]

    def unknown_call(self) -> str | None:
        """Of a tool that is not there."""
        return written(self.format, NO_TOOL, {"query": self.question}) if self.schemas else None

    def broken_call(self) -> str | None:
        """Of the first tool whose schema can be broken; None where every schema takes anything."""
        for schema in self.schemas:
            free = of_a_question(self.question, self.dice)
            broken = breaking(schema["function"].get("parameters") or {}, free)
            if broken is not None:
                return self.call(schema, broken)
        return None

    def forged(self, text: str) -> str:
        """What the policy writes to pass for a tool's answer."""
        return self.result.replace("{}", text)


class Script(NamedTuple):
    """variant: what of its policy this one does, as a clause."""

    variant: str
    turns: tuple[Turn, ...]


Variant = Callable[[Task], Sequence[Turn] | None]
"""The turns; None where the task has nothing to do this with."""
