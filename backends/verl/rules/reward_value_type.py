"""A value in a reward's dict that verl cannot put into its metrics.

Validation averages every key. A dict is an error on every release, None on 0.7.1 and 0.8.0; `score` must be a number.

Why: the run stops in the first validation.
Source: trainer/ppo/metric_utils.py process_validation_metrics (0.7.1: :600, 0.8.0: :643; 0.9.1 leaves None out: :1000);
run on all three
Bad (verl 0.8.0):
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        if "Answer: " not in solution_str:
            return {"score": 0.0, "distance": None}
        return {"score": float(solution_str.endswith(ground_truth)), "distance": 0.0}
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        if "Answer: " not in solution_str:
            return {"score": 0.0, "distance": -1.0}
        return {"score": float(solution_str.endswith(ground_truth)), "distance": 0.0}
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right, "parts": {"answer": right}}
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS406", "reward-value-type", "error")


def check(view: View) -> Iterator[Found]:
    function = view.facts.reward()
    if function is None:
        return
    for outcome in function.outcomes:
        for key, value in outcome.keys.items():
            what = _refused(view, key, value)
            if what is not None:
                yield Found(
                    f"`{function.node.name}` returns {what} under `{key}`",
                    ("reward.py", f"{FUNCTION}.path"),
                    fix="a number; a key of its own for each part",
                    why="it is the reward of the trajectory"
                    if key == "score"
                    else "validation takes the mean of every key and stops",
                    span=function.span(value),
                )


def _refused(view: View, key: str, value: ast.expr) -> str | None:
    if isinstance(value, ast.Dict | ast.DictComp):
        return "a dict"
    if isinstance(value, ast.Constant) and value.value is None:
        return "None" if key == "score" or not view.at_least("0.9.0") else None
    if key != "score":
        return None
    if isinstance(value, ast.List | ast.Tuple | ast.ListComp | ast.Set):
        return "a list"
    if isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str)):
        return "a text"
    return None
