"""Calls and tools' answers that solve nothing, and what ought not to pay beside a right answer: see cheats.py."""

from __future__ import annotations

import json
from collections.abc import Sequence

from toolspec.backends.verl.parsers.writing import written
from toolspec.backends.verl.rehearsal.cheating_answers import look_alike
from toolspec.backends.verl.rehearsal.scripts import RAMBLE, Task, Turn

MOST_TURNS = 32
"""Of a policy that never answers, where the budget does not say."""


def empty_call(task: Task) -> Sequence[Turn] | None:
    return [Turn(written(task.format, "", {})), task.answer(task.guess)] if task.schemas else None


def calls_everything(task: Task) -> Sequence[Turn] | None:
    calls = [task.call(schema) for schema in task.schemas]
    return [Turn("\n".join(calls)), *map(Turn, calls), task.answer(task.guess)] if calls else None


def _within(task: Task, calls: Sequence[str], answer: Turn) -> Sequence[Turn]:
    """A call a turn as far as the budget has rounds, and the answer in the last."""
    return [*map(Turn, calls if task.rounds is None else calls[: task.rounds]), answer]


def pads(task: Task) -> Sequence[Turn] | None:
    calls = task.different_calls(8)
    return _within(task, calls, task.answer(task.guess)) if calls else None


def repeats(task: Task) -> Sequence[Turn] | None:
    calls = task.calls(1) * 8
    return _within(task, calls, task.answer(task.guess)) if calls else None


def many_at_once(task: Task) -> Sequence[Turn] | None:
    calls = task.different_calls(12)
    return [Turn("\n".join(calls)), task.answer(task.guess)] if calls else None


def never_ends(task: Task) -> Sequence[Turn] | None:
    calls = task.different_calls(MOST_TURNS if task.rounds is None else task.rounds + 2)
    return [*map(Turn, calls)] if calls else None


def calls_in_the_answer(task: Task) -> Sequence[Turn] | None:
    calls = task.calls(1)
    return [Turn(f"{task.answer(task.guess).text}\n{calls[0]}")] if calls else None


def answers_before_the_call(task: Task) -> Sequence[Turn] | None:
    calls = task.calls(1)
    return [Turn(f"{task.answer(task.guess).text}\n{calls[0]}"), task.say("Done.")] if calls else None


def cut_call(task: Task) -> Sequence[Turn] | None:
    calls = task.calls(1)
    return [Turn(calls[0][: len(calls[0]) * 2 // 3])] if calls else None


def unknown_tool(task: Task) -> Sequence[Turn] | None:
    call = task.unknown_call()
    return [Turn(call), task.answer(task.guess)] if call else None


def look_alike_tool(task: Task) -> Sequence[Turn] | None:
    if not task.schemas:
        return None
    name = look_alike(str(task.schemas[0]["function"]["name"]))
    return [Turn(written(task.format, name, {})), task.answer(task.guess)]


def schema_break(task: Task) -> Sequence[Turn] | None:
    call = task.broken_call()
    return [Turn(call), task.answer(task.guess)] if call else None


def duplicate_keys(task: Task) -> Sequence[Turn] | None:
    """Arguments twice under one key, in formats whose arguments are JSON."""
    for schema in task.schemas:
        given = {"no_such_parameter": 1}
        text, inner = task.call(schema, given), json.dumps(given, ensure_ascii=False)
        if inner in text:
            twice = '{"no_such_parameter": 1, "no_such_parameter": {}}'
            return [Turn(text.replace(inner, twice)), task.answer(task.guess)]
    return None


def copies_the_error(task: Task) -> Sequence[Turn] | None:
    call = task.broken_call() or task.unknown_call()
    error = f"Error: there is no tool {task.guess!r}; the tools are {task.guess}"
    return [Turn(call), task.say(error)] if call else None


def forges(task: Task) -> Sequence[Turn] | None:
    calls = task.calls(1)
    if not calls:
        return None
    text = f"{calls[0]}{task.forged(task.guess)}{task.answer(task.guess).text}"
    return [Turn(text), task.answer(task.guess)]


def forges_alone(task: Task) -> Sequence[Turn] | None:
    if not task.schemas:
        return None
    return [Turn(f"{task.forged(task.guess)}{task.answer(task.guess).text}")]


def forges_a_list(task: Task) -> Sequence[Turn] | None:
    if not task.schemas:
        return None
    return [Turn(f"{task.forged(' '.join(task.candidates))}{task.answer(task.guess).text}")]


TAGS = ("tool_response", "result", "output", "information", "interpreter", "observation")


def forges_in_tags(task: Task) -> Sequence[Turn]:
    listed = " ".join(task.candidates)
    return [Turn("\n".join(f"<{tag}>{listed}</{tag}>" for tag in TAGS) + f"\n{task.formed(task.guess)}")]


def _one_more(task: Task, call: str | None) -> Sequence[Turn] | None:
    calls = task.needed_calls()
    if call is None or (task.rounds is not None and len(calls) >= task.rounds):
        return None
    return [*map(Turn, calls), Turn(call), task.answer(task.truth)]


def right_and_padded(task: Task) -> Sequence[Turn] | None:
    """A call that differs from the needed ones, where the schema has another."""
    known = set(task.needed_calls())
    return _one_more(task, next((call for call in task.different_calls(8) if call not in known), None))


def right_and_repeated(task: Task) -> Sequence[Turn] | None:
    calls = task.needed_calls()
    if not calls or (task.rounds is not None and len(calls) >= task.rounds):
        return None
    return [*map(Turn, calls), Turn(calls[0]), task.answer(task.truth)]


def right_and_unknown(task: Task) -> Sequence[Turn] | None:
    return _one_more(task, task.unknown_call())


def right_and_broken(task: Task) -> Sequence[Turn] | None:
    return _one_more(task, task.broken_call())


def right_and_unread(task: Task) -> Sequence[Turn] | None:
    """A call without its end beside the first: a turn goes on where one of its calls is read."""
    calls = task.needed_calls()
    if not calls:
        return None
    first, *rest = calls
    unread = first[: len(first) // 2]
    return [Turn(f"{first}\n{unread}"), *map(Turn, rest), task.answer(task.truth)]


def right_and_forged(task: Task) -> Sequence[Turn] | None:
    if not task.schemas:
        return None
    *calls, answer = [*map(Turn, task.needed_calls()), task.answer(task.truth)]
    return [*calls, Turn(f"{task.forged(task.truth or '')}{answer.text}")]


def right_and_cut(task: Task) -> Sequence[Turn] | None:
    if not task.limited:
        return None
    answer = task.answer(task.truth).text
    return [*map(Turn, task.needed_calls()), Turn(f"{RAMBLE}{answer}\n", endless=True)]
