"""What there is to know of many lengths: quantiles, the longest, a chart of how many are how long."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import NamedTuple


class Distribution(NamedTuple):
    """lengths: in the order of the rows, tokens. refused: rows without a length, with why."""

    lengths: tuple[int, ...]
    rows: tuple[int, ...]
    refused: tuple[tuple[int, str], ...]

    @property
    def total(self) -> int:
        """Rows in all."""
        return len(self.lengths) + len(self.refused)

    def fits(self, share: float) -> bool:
        """Whether some length holds at least this share of all rows, the refused ones among them."""
        return Fraction(str(share)) * self.total <= len(self.lengths)

    @property
    def longest(self) -> int:
        return max(self.lengths, default=0)

    def quantile(self, share: float) -> int:
        """The least length that holds at least this share of the rows; share in (0, 1]."""
        ordered = sorted(self.lengths)
        # As it is written: 0.07 × 100 is more than 7 in floating point.
        return ordered[max(0, ceil(Fraction(str(share)) * len(ordered)) - 1)] if ordered else 0

    def holding(self, share: float) -> int:
        """The least length that holds at least this share of all rows, if one does (`fits`)."""
        wanted = ceil(Fraction(str(share)) * self.total)
        return sorted(self.lengths)[min(max(1, wanted), len(self.lengths)) - 1] if self.lengths else 0

    def over(self, limit: int) -> tuple[tuple[int, int], ...]:
        """(row, length) of the rows that are longer, longest first."""
        found = [(row, length) for row, length in zip(self.rows, self.lengths, strict=True) if length > limit]
        return tuple(sorted(found, key=lambda one: (-one[1], one[0])))

    def bins(self, number: int, limit: int = 0) -> tuple[tuple[int, int, int], ...]:
        """(from, up to and with, how many) of equal widths but for the first, from the shortest to the longest.

        number: of bins, or one more. limit: where it lies among the lengths, a bin ends with it.
        """
        if not self.lengths:
            return ()
        shortest = least = min(self.lengths)
        width = max(1, ceil((self.longest - shortest + 1) / number))
        if least <= limit < self.longest:
            least -= (least - limit - 1) % width
        counts = [0] * ceil((self.longest - least + 1) / width)
        for length in self.lengths:
            counts[(length - least) // width] += 1
        return tuple(
            (max(shortest, least + at * width), least + (at + 1) * width - 1, n)
            for at, n in enumerate(counts)
        )


def distribution(found: Sequence[object]) -> Distribution:
    """found: a number or something with a `reason` for each row."""
    lengths, rows, refused = [], [], []
    for row, one in enumerate(found):
        if isinstance(one, int):
            lengths.append(one)
            rows.append(row)
        else:
            refused.append((row, str(getattr(one, "reason", one))))
    return Distribution(tuple(lengths), tuple(rows), tuple(refused))


def rounded_up(tokens: int, multiple: int = 64) -> int:
    """A limit that one would write: the next multiple."""
    return -(-tokens // multiple) * multiple
