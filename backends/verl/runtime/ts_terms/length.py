"""`length`: how far the response is on its way from `start` to `end` tokens, 0 to 1.

t = (tokens − start) / (end − start), held within 0 and 1

shape  linear (default)  t
       cosine            (1 − cos πt) / 2, flat at both ends
       overlong          linear with start = end − buffer: the soft overlong punishment of DAPO (arXiv 2503.14476,
                         equation 13) for a weight of −1
of     response (default), tool texts included; or policy, what the policy wrote
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ts_trajectory import Trajectory


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function. Settings: end (tokens), start (0), buffer, shape, of. Raises ValueError, KeyError."""
    shape, of, end = settings.get("shape", "linear"), settings.get("of", "response"), int(settings["end"])
    start = end - int(settings["buffer"]) if shape == "overlong" else int(settings.get("start") or 0)
    if shape not in ("linear", "cosine", "overlong") or of not in ("response", "policy"):
        raise ValueError(f"length: unknown shape {shape!r} or of {of!r}")
    if not 0 <= start < end:
        raise ValueError(f"length: start must be at least 0 and before end, not {start} and {end}")

    async def term(trajectory: Trajectory) -> float:
        tokens = trajectory.policy_tokens if of == "policy" else trajectory.response_tokens
        way = min(max(tokens - start, 0), end - start) / (end - start)
        return (1 - math.cos(math.pi * way)) / 2 if shape == "cosine" else way

    return term
