"""Scripted policies by name: the honest, the lazy and the sloppy, and the cheats of cheats.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolspec.backends.verl.rehearsal.cheats import CHEATS
from toolspec.backends.verl.rehearsal.scripts import RAMBLE, Script, Task, Turn, Variant

__all__ = ["POLICIES", "RAMBLE", "Script", "Task", "Turn", "script"]


def _honest(task: Task) -> Sequence[Turn]:
    return [*map(Turn, task.needed_calls()), task.answer(task.truth)]


def _without_a_call(task: Task) -> Sequence[Turn]:
    return [task.answer(task.truth)]


def _wrong(task: Task) -> Sequence[Turn]:
    return [*map(Turn, task.wrong_calls()), task.answer(task.guess)]


def _guesses(task: Task) -> Sequence[Turn]:
    return [task.answer(task.guess)]


def _says_nothing(task: Task) -> Sequence[Turn]:
    return [task.say("I do not know.")]


def _unknown_tool(task: Task) -> Sequence[Turn] | None:
    call = task.unknown_call()
    return [Turn(call), task.answer(task.truth)] if call else None


def _against_the_schema(task: Task) -> Sequence[Turn] | None:
    call = task.broken_call()
    return [Turn(call), task.answer(task.truth)] if call else None


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
        task.say(f"So I believe that it should be about {task.truth}, more or less"),
    ]


REHEARSED_CHEATS = (
    "forged-result", "pad-calls", "number-spam", "copied-prompt", "call-in-answer", "form-only",
)  # fmt: skip
"""What the policy `cheating` does, in turn."""

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
    "cheating": {CHEATS[name].does: CHEATS[name].turns for name in REHEARSED_CHEATS},
    "honest-no-call": {"gives the accepted answer without a call": _without_a_call},
    "honest-wrong": {"calls, then answers wrong": _wrong},
    **{name: {cheat.does: cheat.turns} for name, cheat in CHEATS.items()},
}
"""policy → what it does, in turn from row to row."""

REHEARSED = ("honest", "lazy", "sloppy", "cheating")
"""The policies of a rehearsal that names none."""


def script(policy: str, number: int, task: Task) -> Script:
    """number: which of what the policy does, counted round; what the task has nothing for is passed over.

    Raises KeyError for no policy, LookupError where the task has nothing for any of what it does.
    """
    variants = list(POLICIES[policy].items())
    for at in range(len(variants)):
        name, made = variants[(number + at) % len(variants)]
        turns = made(task)
        if turns is not None:
            return Script(name, tuple(turns))
    raise LookupError(policy)
