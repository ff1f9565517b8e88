"""A value in a reward's dict that verl cannot put into its metrics.

Validation averages every key. A dict is an error on every release, None on 0.7.1 and 0.8.0; `score` must be a number.
0.7.1 writes rollouts (`trainer.rollout_data_dir`) by json.dumps, which takes floats and texts of numpy only.

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
Bad (verl 0.7.1):
    reward.custom_reward_function.path=reward.py trainer.rollout_data_dir=rollouts
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = solution_str.endswith(f"Answer: {ground_truth}")
        return {"score": float(right), "turns": int(extra_info["num_turns"])}
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
            # One float among the values makes floats of all in a batch.
            alike = (o.keys[key] for o in function.outcomes if key in o.keys)
            if what is None and all(_undumped(view, other) for other in alike):
                yield Found(
                    f"`{function.node.name}` returns a whole number or bool under `{key}`",
                    ("reward.py", "trainer.rollout_data_dir"),
                    fix="float(…) around it",
                    why="writing the rollouts stops: `int64 is not JSON serializable`",
                    span=function.span(value),
                )
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


def _undumped(view: View, value: ast.expr) -> bool:
    """Whether 0.7.1 cannot write the value. Source: trainer/ppo/ray_trainer.py:394-418; run on 0.7.1."""
    if view.at_least("0.8.0") or not view.value("trainer.rollout_data_dir"):
        return False
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in ("int", "bool", "len")
    if isinstance(value, ast.Constant):
        return isinstance(value.value, int)
    return isinstance(value, ast.Compare)


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
