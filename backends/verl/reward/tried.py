"""What the runtime's matcher takes for right: answers that solve nothing, tried on the rows at hand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from toolspec.backends.verl.reward.paid import NoPayError, asked_of
from toolspec.compiler.reward.matcher import Tried, Witness
from toolspec.compiler.reward.reward import correct_of

MOST_TRUTHS = 80
"""Different accepted answers that are asked for, the most frequent."""
UNREAD = ("weight", "schedule", "between", "cap", "only_if", "wrong")
"""Settings of a term that a matcher does not read."""
PAID_ROWS = Fraction(1, 4)
"""Of the rows for which partial credit is had by one answer; from here on it is said."""


def tried(settings: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Tried:
    """settings: ts_reward.json's content. rows: as verl's reward gets them, none where they are not at hand."""
    term = correct_of(settings["terms"])
    match = term.get("match", "exact")
    if term and match in ("calls", "math", "verl", "python"):
        kept = [each for each in settings["terms"] if each is not term]
        if not kept:
            return Tried()
        settings, rows = {**settings, "terms": kept}, ()
    asked_terms = [
        {**{key: each[key] for key in each if key not in UNREAD}, "weight": 1.0}
        for each in settings["terms"]
        if each["name"] in ("correct", "format", "used_result") and not each.get("own")
    ]
    counted = Counter(json.dumps(_truth(row), ensure_ascii=False, default=str) for row in rows)
    asked = [[json.loads(text), number] for text, number in counted.most_common(MOST_TRUTHS)]
    try:
        found = json.loads(_answered(json.dumps({"settings": {"terms": asked_terms}, "truths": asked})))
    except NoPayError as error:
        return Tried(missing=str(error))
    told = Tried(form=found["form"], used=tuple(found["used"]) if found["used"] else None)
    if "values" not in found:
        return told
    shares = [Fraction(number, len(rows)) for _, number in asked] or [
        Fraction(1, len(found["truths"]))
    ] * len(found["truths"])
    return _read(found, shares, len(rows), told)


@lru_cache(maxsize=16)
def _answered(request: str) -> str:
    """The points of a sweep mostly ask the same."""
    return json.dumps(asked_of("matcher_worker", json.loads(request)))


def _truth(row: Mapping[str, Any]) -> Any:
    answer = row.get("reward_model")
    return answer.get("ground_truth") if isinstance(answer, Mapping) else None


def _read(found: Mapping[str, Any], shares: Sequence[Fraction], rows: int, told: Tried) -> Tried:
    truths, same = found["truths"], found["same"]
    best: Witness | None = None
    several: Witness | None = None
    paid: Witness | None = None
    for answer, values in zip(found["answers"], found["values"], strict=True):
        right = [place for place, value in enumerate(values) if value >= 1]
        some = [place for place, value in enumerate(values) if value > 0]
        if right:
            one = _witness(answer, right, values, truths, shares)
            best = one if best is None or one.share > best.share else best
            if _apart(right, same) and (several is None or one.share > several.share):
                several = one
        if _apart(some, same) and any(0 < value < 1 for value in values):
            one = _witness(answer, some, values, truths, shares)
            if paid is None or one.share * Fraction(one.value) > paid.share * Fraction(paid.value):
                paid = one
    if paid is not None and rows and paid.share < PAID_ROWS:
        paid = None
    lost = found["lost"] if rows else ()
    return told._replace(
        rows=rows,
        wanted=len(truths),
        tried=len(found["answers"]),
        best=best,
        several=several,
        paid=paid,
        lost=tuple(truths[place] for place in lost),
        lost_rows=round(rows * sum(shares[place] for place in lost)),
    )


def _witness(
    answer: str,
    places: Sequence[int],
    values: Sequence[float],
    truths: Sequence[str],
    shares: Sequence[Fraction],
) -> Witness:
    share = sum((shares[place] for place in places), Fraction(0))
    return Witness(
        answer, tuple(truths[place] for place in places), share, min(values[place] for place in places)
    )


def _apart(places: Sequence[int], same: Sequence[Sequence[bool]]) -> bool:
    """Whether two of the accepted answers are different ones: neither is right for the other."""
    return any(
        not same[one][other] and not same[other][one]
        for number, one in enumerate(places)
        for other in places[:number]
    )
