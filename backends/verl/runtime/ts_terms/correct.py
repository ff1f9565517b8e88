"""`correct`: the final answer is right.

match, each against every accepted answer (reward_model.ground_truth, a list means any of them), the best counts:

exact   same text but for blanks; setting ignore_case.
number  same number within `tolerance` (ts_number says what a number is).
regex   the last match of `pattern` in the answer, its first group where it has one, is the same text as the
        accepted answer. A match alone is not enough: that is the term `format`.
choice  same letter (ts_text.choice); setting choices, default ABCDE.
json    same JSON value (ts_json).
math    equal as mathematics (ts_math, with the package math-verify, in a process of its own).
qa_em   same text in SQuAD's normal form (ts_squad).
qa_f1   SQuAD's F1, 0 to 1.
calls   the valid calls are exactly those of the row (ts_expected), and there is no bad one; setting ordered.
verl    the scorer that verl would use for the row's data_source, on the whole response as verl decodes it,
        tool texts included. Value: its `acc` where it has one, else its score.
python  a function of the user's, called as verl calls a reward function. Value: its number, or its dict's
        `acc`, else `score`.

`pattern` with json, math, qa_em and qa_f1: what its last match (first group) finds in the answer is compared, nothing
where it finds nothing. `wrong`: paid where the value is 0 or less, in place of weight × value.

All but verl and python read the final answer or the calls only, so a tool's text or a forged one cannot pay, and
none of them can be made to fail by what the policy writes: what cannot be compared is wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import ts_expected
import ts_load
import ts_math
import ts_score
from ts_compare import comparison
from ts_text import Pattern
from ts_trajectory import Trajectory
from ts_weigh import Value

Measure = Callable[[Trajectory], Awaitable[float]]
EXTRACTS = ("json", "math", "qa_em", "qa_f1")


def measure(settings: Mapping[str, Any], compute_score: Any) -> Measure:
    """The function from a trajectory to how right it is. Raises as `build` does."""
    kind, compare = settings.get("match", "exact"), comparison(settings)
    pattern = Pattern(settings["pattern"]) if kind in EXTRACTS and settings.get("pattern") else None
    scorer = compute_score
    if kind == "python":
        scorer = ts_load.load_object(settings["python"]["file"], settings["python"]["function"])
    judge = ts_math.Judge() if kind == "math" else None
    ordered = bool(settings.get("ordered"))

    async def how_right(trajectory: Trajectory) -> float:
        if kind in ("verl", "python"):
            return ts_score.value(await ts_score.call(scorer, trajectory))
        if trajectory.ground_truth is None if kind == "calls" else not trajectory.truths:
            raise ValueError("the row has no accepted answer")
        if kind == "calls":
            return float(ts_expected.same_calls(trajectory, trajectory.ground_truth, ordered))
        answer = trajectory.answer if pattern is None else pattern.last(trajectory.answer) or ""
        if judge is not None:
            return float(await judge.agree(answer, trajectory.truths))
        assert compare is not None
        return max(float(compare(answer, truth)) for truth in trajectory.truths)

    return how_right


def build(settings: Mapping[str, Any], compute_score: Any) -> Callable[[Trajectory], Awaitable[Value]]:
    """The term's function. `compute_score` is what verl passed to the reward manager.

    Raises ValueError, KeyError, re.error, ImportError (math-verify) or what loading the user's file raises.
    """
    how_right = measure(settings, compute_score)
    wrong = settings.get("wrong")

    async def term(trajectory: Trajectory) -> Value:
        value = await how_right(trajectory)
        if wrong is not None and value <= 0:
            return Value(value, 0.0, float(wrong))
        return Value(value, value)

    return term
