"""How an answer is compared with one accepted answer, for the matches of `correct` that are a function of the two.

What each match means stands in ts_terms/correct.py. Nothing of the user's runs here, but a pattern of `regex`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ts_json
import ts_squad
from ts_number import same_number
from ts_text import Pattern, same_choice, same_text

Comparison = Callable[[str, Any], float]


def comparison(settings: Mapping[str, Any]) -> Comparison | None:
    """The function from (answer, accepted answer) to 0 … 1; None for a match that reads more than the answer."""
    match settings.get("match", "exact"):
        case "exact":
            ignore = bool(settings.get("ignore_case"))
            return lambda answer, truth: same_text(answer, truth, ignore)
        case "number":
            tolerance = float(settings.get("tolerance") or 0.0)
            return lambda answer, truth: same_number(answer, truth, tolerance)
        case "regex":
            pattern = Pattern(settings["pattern"])
            return lambda answer, truth: same_text(pattern.last(answer) or "", truth)
        case "choice":
            letters = str(settings.get("choices") or "ABCDE")
            return lambda answer, truth: same_choice(answer, truth, letters)
        case "json":
            return ts_json.same_json
        case "qa_em":
            return ts_squad.exact
        case "qa_f1":
            return ts_squad.f1
        case "math" | "calls" | "verl" | "python":
            return None
        case other:
            raise ValueError(f"correct: unknown match {other!r}")
