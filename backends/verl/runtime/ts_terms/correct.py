"""`correct`: the final answer is right.

match, each against every accepted answer (reward_model.ground_truth, a list means any of them):

exact   same text but for blanks; setting ignore_case.
number  same number within `tolerance` (ts_number says what a number is).
regex   the last match of `pattern` in the answer, its first group where it has one, is the same text as the
        accepted answer. A match alone is not enough: that is the term `format`.
choice  same letter (ts_text.choice); setting choices, default ABCDE.
verl    the scorer that verl would use for the row's data_source, on the whole response as verl decodes it,
        tool texts included. Value: its `acc` where it has one, else its score.
python  a function of the user's, called as verl calls a reward function. Value: its number, or its dict's
        `acc`, else `score`.

The first four give 1 or 0 and read the final answer only, so a tool's text or a forged one cannot pay.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import ts_load
import ts_score
from ts_number import same_number
from ts_text import Pattern, same_choice, same_text
from ts_trajectory import Trajectory

Comparison = Callable[[str, Any], bool]


def comparison(settings: Mapping[str, Any]) -> Comparison | None:
    """The function from (answer, accepted answer) to whether they agree; None for verl and python."""
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
        case "verl" | "python":
            return None
        case other:
            raise ValueError(f"correct: unknown match {other!r}")


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[float]]:
    """The term's function. `compute_score` is what verl passed to the reward manager.

    Raises ValueError, KeyError, re.error or what loading the user's file raises.
    """
    compare = comparison(settings)
    scorer = compute_score
    if settings.get("match") == "python":
        scorer = ts_load.load_object(settings["python"]["file"], settings["python"]["function"])

    async def term(trajectory: Trajectory) -> float:
        if compare is None:
            return ts_score.value(await ts_score.call(scorer, trajectory))
        if not trajectory.truths:
            raise ValueError("the row has no accepted answer")
        return float(any(compare(trajectory.answer, truth) for truth in trajectory.truths))

    return term
