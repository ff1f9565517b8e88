"""The soft length penalty of DAPO (arXiv 2503.14476, equation 13), added to any reward.

Setting `overlong` of ts_reward.json: {"buffer": tokens, "penalty": p, "length": tokens}. The response may use
`length - buffer` tokens freely; from there the penalty grows linearly to p at `length`, and stays there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def overlong(settings: Mapping[str, Any], tokens: int) -> float:
    """What a response of so many tokens gets: 0 or less, at least -penalty.

    >>> overlong({"buffer": 100, "penalty": 1.0, "length": 500}, 450)
    -0.5
    """
    buffer = int(settings["buffer"])
    over = tokens - (int(settings["length"]) - buffer)
    return -float(settings["penalty"]) * (min(max(over, 0), buffer) / buffer)
