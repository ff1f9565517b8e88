"""The process of tried.py: answers that solve nothing, asked of the runtime's own terms; JSON on stdin and stdout."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from toolspec.backends.verl.reward.answers import text_of
from toolspec.backends.verl.reward.guesses import GENERIC, WORDS, forms, guesses
from toolspec.backends.verl.reward.paid_worker import limited

ANYTHING = ("no", "I do not know", "7", "?", "a b c", "so be it")
TOLD = "3 results on page 1: The capital of France is Paris, since 987"
CHANCE = ("the", "3", "is")


def main() -> None:
    request, out = limited()
    json.dump(asyncio.run(_answer(request)), out)
    out.flush()


async def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """request: `settings`, and `truths`: [accepted answer, number of rows], the most frequent first."""
    terms = {each["name"]: each for each in request["settings"]["terms"] if not each.get("own")}
    found: dict[str, Any] = {"form": None, "used": None}
    if "correct" in terms:
        found |= await _matched(terms["correct"], request["truths"])
    if terms.get("format", {}).get("pattern"):
        term = _term(terms["format"])
        values = [await term(_trajectory(text)) for text in ANYTHING]
        found["form"] = ANYTHING[1] if all(values) else None
    if "used_result" in terms:
        found["used"] = await _used(terms["used_result"])
    return found


def _term(settings: Mapping[str, Any]) -> Any:
    return importlib.import_module("ts_terms").build(settings, None)


def _trajectory(answer: str, truth: Any = None, calls: Sequence[Any] = ()) -> Any:
    seen = importlib.import_module("ts_trajectory")
    return seen.Trajectory(
        answer=answer.strip(), truths=seen.accepted(truth), ground_truth=truth, calls=tuple(calls)
    )


async def _matched(settings: Mapping[str, Any], asked: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """values: of each answer for each accepted one. lost: places of accepted answers that no form of them is."""
    match = str(settings.get("match", "exact"))
    seen = importlib.import_module("ts_trajectory")
    term = _term(settings)
    truths = [truth for truth, _ in asked] or list(GENERIC.get(match, WORDS))
    own = [[text_of(each) for each in seen.accepted(truth)] for truth in truths]
    texts = list(dict.fromkeys(text for each in own for text in each[:3]))
    tried = guesses(settings, texts)

    async def value(answer: str, truth: Any) -> float:
        found = await term(_trajectory(answer, truth))
        return float(getattr(found, "value", found))

    lost = []
    for place, (truth, accepted) in enumerate(zip(truths, own, strict=True)):
        if not accepted:
            lost.append(place)
            continue
        tries = (form for text in accepted[:3] for form in forms(settings, text))
        for form in tries:
            if await value(form, truth) >= 1:
                break
        else:
            lost.append(place)
    return {
        "truths": [each[0] if each else "" for each in own],
        "answers": tried,
        "values": [[await value(answer, truth) for truth in truths] for answer in tried],
        # What two accepted answers are to each other: the same, where one is right for the other.
        "same": [
            [any([await value(text, truth) >= 1 for text in each[:3]]) for truth in truths] for each in own
        ],
        "lost": lost,
    }


async def _used(settings: Mapping[str, Any]) -> list[str] | None:
    """An answer that is no result, and what a tool told, where it counts as used."""
    seen = importlib.import_module("ts_trajectory")
    call = seen.Call(0, "tool", '{"x": "x"}', None, seen.Answer(TOLD))
    term = _term(settings)
    for text in CHANCE:
        for answer in forms(settings, text):
            if await term(_trajectory(answer, None, (call,))):
                return [answer, TOLD]
    return None
