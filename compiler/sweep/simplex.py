"""Weights that keep their sum or their order: lattices and samples, in exact fractions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import combinations, count, islice, pairwise

from toolspec.compiler.sweep.draws import uniform
from toolspec.specs.sweep import SHARES, Simplex

Sizes = tuple[Fraction, ...]


def weights(simplex: Simplex, now: Mapping[str, float]) -> tuple[tuple[float, ...], ...]:
    """Weights of `simplex.terms` at each point, each different from the others.

    now: the reward's weight of each term, which gives the sign (0 counts as positive) and the total. A weight is the
    float next to its exact size, so that sums are kept to the last bit of a float.
    """
    signs = [-1 if now[name] < 0 else 1 for name in simplex.terms]
    sizes = _summed(simplex, now) if simplex.keep == "sum" else _ordered(simplex)
    found = ([sign * float(size) for sign, size in zip(signs, one, strict=True)] for one in sizes)
    return tuple(dict.fromkeys(tuple(0.0 if w == 0 else w for w in one) for one in found))


def _summed(simplex: Simplex, now: Mapping[str, float]) -> Iterator[Sizes]:
    """Size of each term = total × (least + what is left × its share), with shares ≥ 0 that add up to 1."""
    total = (
        Fraction(repr(simplex.total))
        if simplex.total is not None
        else sum((abs(Fraction(repr(now[name]))) for name in simplex.terms), Fraction(0))
    )
    number, least = len(simplex.terms), Fraction(repr(simplex.least))
    for parts, of in _shares(simplex, number):
        yield tuple(total * (least + (1 - number * least) * Fraction(part, of)) for part in parts)


def _shares(simplex: Simplex, number: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """(whole numbers ≥ 0, what they add up to): all of `steps`, then samples.

    A sample is the lengths between sorted uniform cuts: the flat Dirichlet distribution, on a grid of 1/SHARES.
    """
    if simplex.steps is not None:
        steps = simplex.steps
        # Stars and bars: where the bars stand among steps + number − 1 places.
        for bars in combinations(range(steps + number - 1), number - 1):
            yield tuple(b - a - 1 for a, b in pairwise((-1, *bars, steps + number - 1))), steps
    for point in range(simplex.points or 0):
        cuts = sorted(
            int(uniform("simplex", simplex.seed, point, n) * (SHARES + 1)) for n in range(number - 1)
        )
        yield tuple(b - a for a, b in pairwise((0, *cuts, SHARES))), SHARES


def _ordered(simplex: Simplex) -> Iterator[Sizes]:
    """Sizes low < w ≤ high, the first the largest: choices of different levels low + (high − low) × k / steps, k ≥ 1.

    A sample is different uniform levels of 1/SHARES, sorted: uniform over the ordered sizes.
    """
    low, high = (Fraction(repr(bound)) for bound in simplex.between)
    number = len(simplex.terms)

    def sizes(levels: tuple[int, ...], steps: int) -> Sizes:
        return tuple(low + (high - low) * Fraction(level, steps) for level in levels)

    if simplex.steps is not None:
        for levels in combinations(range(simplex.steps, 0, -1), number):
            yield sizes(levels, simplex.steps)
    for point in range(simplex.points or 0):
        draws = (1 + int(uniform("simplex", simplex.seed, point, n) * SHARES) for n in count())
        yield sizes(tuple(sorted(islice(_different(draws), number), reverse=True)), SHARES)


def _different(values: Iterable[int]) -> Iterator[int]:
    seen: set[int] = set()
    for value in values:
        if value not in seen:
            seen.add(value)
            yield value
