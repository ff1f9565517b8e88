"""What a row asks for: its question, its accepted answer, and answers that others ask for."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolspec.backends.verl.rehearsal.asked import Asked

MOST_CANDIDATES = 64
"""Accepted answers that a policy which guesses them all knows of."""
Rows = Sequence[Mapping[str, Any]]


def drawn(rows: Rows, asked: Asked, among: Sequence[int] = ()) -> list[int]:
    """Numbers of the rows, in their order; the same for the same seed. among: those to draw from, all for none."""
    known = among or range(len(rows))
    return sorted(random.Random(asked.seed).sample(known, min(asked.rows, len(known))))


def truth_of(row: Mapping[str, Any], reward: Mapping[str, Any]) -> Any:
    """The first accepted answer of a row, None without one."""
    value = _at(row, reward)
    if isinstance(value, (list, tuple)):
        return next((one for one in value if one is not None), None)
    return value


def text_of(truth: Any) -> str:
    return json.dumps(truth, ensure_ascii=False) if isinstance(truth, (dict, list)) else str(truth)


def expected_calls(
    row: Mapping[str, Any], reward: Mapping[str, Any]
) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Name and arguments of each call that the row asks for; none where the reward does not go by calls."""
    if not any(term.get("match") == "calls" for term in reward.get("terms") or ()):
        return ()
    value = _at(row, reward)
    try:
        listed = json.loads(value) if isinstance(value, str) else value
        listed = [listed] if isinstance(listed, Mapping) else listed
        calls = [json.loads(one) if isinstance(one, str) else one for one in listed]
        return tuple((str(one["name"]), _arguments(one.get("arguments"))) for one in calls)
    except (ValueError, TypeError, KeyError, AttributeError):
        return ()


def _arguments(given: Any) -> Mapping[str, Any]:
    found = json.loads(given) if isinstance(given, str) else given or {}
    return {name: one for name, one in found.items() if one is not None}


def _at(row: Mapping[str, Any], reward: Mapping[str, Any]) -> Any:
    """What the row holds where the reward looks for its answer."""
    value: Any = row
    for part in str(reward.get("answer_field") or "reward_model.ground_truth").split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def candidates(rows: Rows, reward: Mapping[str, Any], chosen: Sequence[int], seed: int) -> tuple[str, ...]:
    """Accepted answers: of the rows that are played, then of others. The first and the last are no row's.

    So that who reads the first or the last of a list is not paid for the list.
    """
    order = [*chosen, *(at for at in range(len(rows)) if at not in set(chosen))]
    found = dict.fromkeys(text_of(truth) for at in order if (truth := truth_of(rows[at], reward)) is not None)
    known = list(found)[:MOST_CANDIDATES]
    random.Random(seed).shuffle(known)
    first, last = [one for number in range(len(found) + 2) if (one := str(number)) not in found][:2]
    return (first, *known, last)


def guess_for(rows: Rows, reward: Mapping[str, Any], number: int) -> str:
    """Another row's answer that this row does not accept."""
    own = {str(one) for one in _truths(rows[number], reward)}
    others = (str(truth) for truth in _others(rows, reward, number))
    return next((one for one in others if one not in own), f"{next(iter(own), 'no')}0")


def _others(rows: Rows, reward: Mapping[str, Any], number: int) -> Iterator[Any]:
    for at in range(1, len(rows)):
        truth = truth_of(rows[(number + at) % len(rows)], reward)
        if truth is not None:
            yield truth


def _truths(row: Mapping[str, Any], reward: Mapping[str, Any]) -> Sequence[Any]:
    held = row.get("reward_model")
    value = held.get("ground_truth") if isinstance(held, Mapping) else None
    return value if isinstance(value, (list, tuple)) else [truth_of(row, reward)]


def question_of(row: Mapping[str, Any]) -> str:
    messages = row.get("raw_prompt") or ()
    texts = [one.get("content") for one in messages if isinstance(one, Mapping) and one.get("role") == "user"]
    return next((text for text in reversed(texts) if isinstance(text, str)), "")
