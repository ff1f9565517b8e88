"""The known words that a misspelt one most likely means."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SEPARATORS = re.compile(r"[\s_\-]+")
_MAX_LENGTH = 80


def nearest(word: str, candidates: Iterable[str], limit: int = 1) -> list[str]:
    """At most `limit` candidates, best first; [] where none is close.

    Case, `_`, `-` and spaces do not count, nor does the order of the parts (`tokens_prompt`). Close is: at
    most one edit in three characters (a transposition is one edit), or one word inside the other. Ties keep
    the given order.
    """
    if not word or len(word) > _MAX_LENGTH:
        return []
    ranked = sorted(
        (rank, number, candidate)
        for number, candidate in enumerate(candidates)
        if (rank := _rank(_parts(word), _parts(candidate))) is not None
    )
    return [candidate for _, _, candidate in ranked[:limit]]


def _parts(word: str) -> list[str]:
    return [part for part in _SEPARATORS.split(word.lower()) if part]


def _rank(word: list[str], candidate: list[str]) -> tuple[int, int] | None:
    """(kind of likeness, distance): lower is nearer; None is too far."""
    a, b = "".join(word), "".join(candidate)
    if not a or not b or len(b) > _MAX_LENGTH:
        return None
    if a == b or sorted(word) == sorted(candidate):
        return (0, 0)
    short, long = sorted((a, b), key=len)
    allowed = max(1, len(long) // 3)
    if len(long) - len(short) <= allowed:
        distance = edits(a, b)
        if distance <= allowed and distance < len(long):
            return (1, distance)
    if len(short) >= 4 and short in long:
        return (2, len(long) - len(short))
    return None


def edits(a: str, b: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours from a to b (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
