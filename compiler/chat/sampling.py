"""What a sample of rows says of all of them, with a confidence: exact bounds for drawing without replacement.

Clopper and Pearson's bound, by the hypergeometric distribution in place of the binomial, which it never exceeds; where
none of the sample is found it is the rule of three. Quantiles are bounded by order statistics.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from math import ceil, exp, lgamma
from typing import TypeVar

CONFIDENCE = 0.95
SEED = 20_260_101
"""One seed for ever: the same data give the same sample, and the same words."""
T = TypeVar("T")


def drawn(values: Iterable[T], number: int) -> tuple[list[T], int]:
    """So many of the values, each set of them as likely as another, in their order; and how many there were.

    One pass (Vitter's algorithm R): as many values are held as are drawn.
    """
    dice = random.Random(SEED)
    held: list[tuple[int, T]] = []
    total = 0
    for total, value in enumerate(values, 1):
        if len(held) < number:
            held.append((total, value))
        elif (place := dice.randrange(total)) < number:
            held[place] = (total, value)
    return [value for _, value in sorted(held, key=lambda one: one[0])], total


def most_among(total: int, sampled: int, found: int) -> int:
    """The most of `total` rows that can be of a kind, where `found` of `sampled` are, with CONFIDENCE."""
    low, high = found, total - (sampled - found)
    while low < high:  # the largest number that would not make so few a surprise
        middle = (low + high + 1) // 2
        if _at_most(found, total, middle, sampled) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle - 1
    return low


def quantile_bound(ordered: list[int], total: int, share: float) -> int | None:
    """A length that `share` of all rows do not exceed, with CONFIDENCE; None where the sample is too small for it.

    ordered: lengths of the sample, ascending.
    """
    below, sampled = max(0, ceil(share * total) - 1), len(ordered)  # below: rows before the quantile
    # The j-th of the sample is at or beyond the quantile unless j or more of the sample are among those below it.
    chance = 0.0
    for number in _possible(sampled - 1, total, below, sampled):
        chance += _chance(number, total, below, sampled)
        if chance >= CONFIDENCE:
            return ordered[number]
    return ordered[-1] if ordered and sampled == total else None


def _at_most(found: int, total: int, kind: int, sampled: int) -> float:
    """Chance that at most `found` of `sampled` rows are of a kind that `kind` of `total` are of."""
    chances = (_chance(number, total, kind, sampled) for number in _possible(found, total, kind, sampled))
    return min(1.0, sum(chances))


def _possible(found: int, total: int, kind: int, sampled: int) -> Iterator[int]:
    yield from range(max(0, sampled - (total - kind)), min(found, kind, sampled) + 1)


def _chance(number: int, total: int, kind: int, sampled: int) -> float:
    logarithm = _choose(kind, number) + _choose(total - kind, sampled - number) - _choose(total, sampled)
    return exp(logarithm)


def _choose(total: int, number: int) -> float:
    """Logarithm of the binomial coefficient."""
    return lgamma(total + 1) - lgamma(number + 1) - lgamma(total - number + 1)
