"""Numbers that are drawn: from the seed, the number of the point and the path, so that one more changes no other."""

from __future__ import annotations

import math
import random
from typing import Any

from toolspec.specs.sweep import DIGITS, Draw


def uniform(*key: object) -> float:
    """A number in [0, 1) that the key decides.

    A seed that is a text, and `random()` after it, are what Python promises to keep from version to version
    (library/random.html, "Notes on Reproducibility"); its other methods are not promised.
    """
    return random.Random(" ".join(map(str, key))).random()


def drawn(draw: Draw, at: float) -> Any:
    """The value of a draw at a number in [0, 1): ends and choices as written, others of DIGITS significant digits."""
    if draw.choice is not None:
        return draw.choice[int(at * len(draw.choice))]
    if draw.integer is not None:
        least, most = draw.integer
        return min(most, least + int(at * (most - least + 1)))
    if draw.log_uniform is not None:
        low, high = draw.log_uniform
        return _rounded(math.exp(math.log(low) + at * (math.log(high) - math.log(low))), low, high)
    low, high = draw.uniform or (0.0, 0.0)
    return _rounded(low + at * (high - low), low, high)


def _rounded(value: float, low: float, high: float) -> float:
    return min(high, max(low, float(f"{value:.{DIGITS}g}")))
