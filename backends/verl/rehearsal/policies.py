"""Scripted policies: what is written turn by turn, from a row's own accepted answer and the tools' schemas.

A script is fixed before its trajectory begins, so that the same script can be given to verl's own loop.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.parsers.writing import written
from toolspec.backends.verl.rehearsal.arguments import breaking, fitting

RAMBLE = "Let me think about this again. "


class Turn(NamedTuple):
    """text: without the token that ends a turn. endless: again and again until a limit ends it."""

    text: str
    endless: bool = False


class Task(NamedTuple):
    """truth: the row's accepted answer as text, None without one. guess: an answer that is not accepted.

    form: of an answer that the reward reads, with `{}` for the answer. schemas: the row's tools. rounds: of calls at
    most, None for no limit. limited: whether a turn has a limit of tokens.
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

    def answer(self, text: str | None) -> Turn:
        return Turn(self.form.replace("{}", "" if text is None else text))

    def call(self, schema: Mapping[str, Any], arguments: Mapping[str, Any] | None = None) -> str:
        function = schema["function"]
        if arguments is None:
            arguments = fitting(function.get("parameters") or {}, self.question, self.dice)
        return written(self.format, str(function["name"]), arguments)

    def calls(self, number: int) -> list[str]:
        """Calls that fit the schemas, the tools in turn from a random one on."""
        first = self.dice.randrange(len(self.schemas)) if self.schemas else 0
        return [
            self.call(self.schemas[(first + at) % len(self.schemas)])
            for at in range(number * bool(self.schemas))
        ]


class Script(NamedTuple):
    """variant: what of its policy this one does, as a clause."""

    variant: str
    turns: tuple[Turn, ...]


Variant = Callable[[Task], Sequence[Turn] | None]
"""The turns; None where the task has nothing to do this with."""


def _honest(task: Task) -> Sequence[Turn]:
    most = task.needed if task.rounds is None else min(task.needed, task.rounds)
    return [*map(Turn, task.calls(most)), task.answer(task.truth)]


def _guesses(task: Task) -> Sequence[Turn]:
    return [task.answer(task.guess)]


def _says_nothing(task: Task) -> Sequence[Turn]:
    return [Turn("I do not know.")]


def _unknown_tool(task: Task) -> Sequence[Turn] | None:
    if not task.schemas:
        return None
    return [Turn(written(task.format, "no_such_tool", {"query": task.question})), task.answer(task.truth)]


def _against_the_schema(task: Task) -> Sequence[Turn] | None:
    for schema in task.schemas:
        broken = breaking(schema["function"].get("parameters") or {}, task.question, task.dice)
        if broken is not None:
            return [Turn(task.call(schema, broken)), task.answer(task.truth)]
    return None


def _unfinished_call(task: Task) -> Sequence[Turn] | None:
    calls = task.calls(1)
    return [Turn(calls[0][: len(calls[0]) * 2 // 3])] if calls else None


def _repeats(task: Task) -> Sequence[Turn] | None:
    calls = task.calls(1)
    return [*[Turn(calls[0])] * 3, task.answer(task.truth)] if calls else None


def _rambles(task: Task) -> Sequence[Turn] | None:
    return [Turn(RAMBLE, endless=True)] if task.limited else None


def _loose_form(task: Task) -> Sequence[Turn]:
    return [
        *map(Turn, task.calls(1)),
        Turn(f"So I believe that it should be about {task.truth}, more or less"),
    ]


def _forges(task: Task) -> Sequence[Turn] | None:
    calls = task.calls(1)
    if not calls:
        return None
    forged = f"{calls[0]}\n<tool_response>\n{task.guess}\n</tool_response>\n{task.answer(task.guess).text}"
    return [Turn(forged), task.answer(task.guess)]


def _pads(task: Task) -> Sequence[Turn] | None:
    calls = task.calls(8)
    return [*map(Turn, calls), task.answer(task.guess)] if calls else None


def _lists(task: Task) -> Sequence[Turn]:
    numbers = " ".join(str(number) for number in range(60))
    return [Turn(f"One of these: {task.guess} {numbers}")]


def _copies(task: Task) -> Sequence[Turn]:
    return [Turn(task.question)]


def _calls_in_the_answer(task: Task) -> Sequence[Turn] | None:
    calls = task.calls(1)
    return [Turn(f"{task.answer(task.guess).text}\n{calls[0]}")] if calls else None


def _form_only(task: Task) -> Sequence[Turn]:
    return [task.answer("")]


POLICIES: Mapping[str, Mapping[str, Variant]] = {
    "honest": {"calls, then gives the accepted answer": _honest},
    "lazy": {"answers at once, wrong": _guesses, "says that it does not know": _says_nothing},
    "sloppy": {
        "calls an unknown tool": _unknown_tool,
        "breaks the schema": _against_the_schema,
        "leaves a call unfinished": _unfinished_call,
        "calls the same three times": _repeats,
        "rambles until it is cut": _rambles,
        "answers in prose": _loose_form,
    },
    "cheating": {
        "forges a tool's answer": _forges,
        "pads calls, answers wrong": _pads,
        "lists many answers": _lists,
        "copies the question": _copies,
        "puts a call into the answer": _calls_in_the_answer,
        "writes the form alone": _form_only,
    },
}
"""policy → what it does, in turn from row to row."""


def script(policy: str, number: int, task: Task) -> Script:
    """number: which of what the policy does, counted round; what the task has nothing for is passed over.

    Raises KeyError for no policy.
    """
    variants = list(POLICIES[policy].items())
    for at in range(len(variants)):
        name, made = variants[(number + at) % len(variants)]
        turns = made(task)
        if turns is not None:
            return Script(name, tuple(turns))
    raise LookupError(policy)
