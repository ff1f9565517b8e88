"""What a row asks for: its question, its accepted answer, and answers that others ask for."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from toolspec.backends.verl.rehearsal.asked import Asked

MOST_CANDIDATES = 64
"""Accepted answers that a policy which guesses them all knows of."""
ANSWER_KEYS = ("target", "answer", "answers", "ground_truth", "label", "value")
"""Where a mapping of a row holds its answer: verl's own search_r1_like_qa_em.py reads `target`."""
Rows = Sequence[Mapping[str, Any]]
Calls = tuple[tuple[str, Mapping[str, Any]], ...]


def drawn(rows: Rows, asked: Asked, among: Sequence[int] = ()) -> list[int]:
    """Numbers of the rows, in their order; the same for the same seed. among: those to draw from, all for none."""
    known = among or range(len(rows))
    return sorted(random.Random(asked.seed).sample(known, min(asked.rows, len(known))))


def truth_of(row: Mapping[str, Any], reward: Mapping[str, Any]) -> Any:
    """The first accepted answer of a row, None without one."""
    return next(iter(_truths(row, reward)), None)


def text_of(truth: Any) -> str:
    return json.dumps(truth, ensure_ascii=False) if isinstance(truth, (dict, list)) else str(truth)


def expected_calls(row: Mapping[str, Any], reward: Mapping[str, Any]) -> Calls | None:
    """Name and arguments of each call that the row asks for; None where the reward does not go by calls."""
    return listed_calls(_at(row, reward)) if _asks_for_calls(reward) else None


def other_calls(rows: Rows, reward: Mapping[str, Any], number: int) -> Calls:
    """The calls of another row, which are wrong for this one; none where all rows ask for the same."""
    own = _set_of(expected_calls(rows[number], reward) or ())
    others = (expected_calls(rows[(number + at) % len(rows)], reward) for at in range(1, len(rows)))
    return next((calls for calls in others if calls and _set_of(calls) != own), ())


def _set_of(calls: Calls) -> list[str]:
    return sorted(json.dumps(call, sort_keys=True, default=str) for call in calls)


def listed_calls(value: Any) -> Calls | None:
    """Name and arguments of each call that an accepted answer lists, as ts_expected.py reads it; None for no list."""
    try:
        listed = json.loads(value) if isinstance(value, str) else value
        listed = [listed] if isinstance(listed, Mapping) else listed
        calls = [json.loads(one) if isinstance(one, str) else one for one in listed]
        return tuple((str(one["name"]), _arguments(one.get("arguments"))) for one in calls)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _asks_for_calls(reward: Mapping[str, Any]) -> bool:
    return _matches(reward, "calls")


def _matches(reward: Mapping[str, Any], *matches: str) -> bool:
    return any(term.get("match") in matches for term in reward.get("terms") or ())


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


def common_answer(rows: Rows, reward: Mapping[str, Any]) -> str | None:
    """An answer that every row accepts, whatever its question; None with fewer than two questions."""
    if len({question_of(row) for row in rows}) < 2 or _asks_for_calls(reward):
        return None
    first, *others = (dict.fromkeys(map(text_of, _truths(row, reward))) for row in rows)
    shared = [one for one in first if all(one in other for other in others)]
    return shared[0] if shared else None


def guess_for(rows: Rows, reward: Mapping[str, Any], number: int) -> str:
    """Another row's answer that this row does not accept, in no other writing either."""
    own = {_plain(text_of(one)): text_of(one) for one in _truths(rows[number], reward)}
    others = (text_of(truth) for truth in _others(rows, reward, number))
    return next((one for one in others if _plain(one) not in own), _another(own))


def _another(own: Mapping[Hashable, str]) -> str:
    """An answer that is none of these."""
    plain, text = next(iter(own.items()), ("", "no"))
    if isinstance(plain, float):
        return f"{-plain - 1:.15g}"
    return "null" if text.lstrip()[:1] in ("{", "[") else f"{text}0"


def _plain(text: str) -> Hashable:
    """The same for answers that nearly any comparison takes for the same: 1,000 and 1000.0, Yes and yes."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        words = re.findall(r"\w+", text.casefold())
        return "".join(one for one in words if one not in ("a", "an", "the")) or text


def _others(rows: Rows, reward: Mapping[str, Any], number: int) -> Iterator[Any]:
    for at in range(1, len(rows)):
        truth = truth_of(rows[(number + at) % len(rows)], reward)
        if truth is not None:
            yield truth


def _truths(row: Mapping[str, Any], reward: Mapping[str, Any]) -> Sequence[Any]:
    value = _at(row, reward)
    if isinstance(value, Mapping) and not _matches(reward, "json", "calls"):
        value = next((value[key] for key in ANSWER_KEYS if value.get(key) is not None), value)
    return [one for one in (value if isinstance(value, (list, tuple)) else [value]) if one is not None]


def question_of(row: Mapping[str, Any]) -> str:
    messages = row.get("raw_prompt") or ()
    texts = [one.get("content") for one in messages if isinstance(one, Mapping) and one.get("role") == "user"]
    return next((text for text in reversed(texts) if isinstance(text, str)), "")
