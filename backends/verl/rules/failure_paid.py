"""A reward function pays where its own code failed.

Why: an answer that breaks the function, such as one that cannot be parsed, is paid like a right one.
Source: experimental/reward_loop/reward_manager/naive.py of each release takes what is returned
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        try:
            return float(float(solution_str.rsplit("Answer: ", 1)[1]) == float(ground_truth))
        except Exception:
            return 1.0
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        try:
            return float(float(solution_str.rsplit("Answer: ", 1)[1]) == float(ground_truth))
        except (IndexError, ValueError):
            return 0.0
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION
from toolspec.backends.verl.lint.facts.outcomes import number
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.python_source import nodes

RULE = Rule("TS425", "failure-paid", "warning")


def check(view: View) -> Iterator[Found]:
    function = view.facts.reward()
    if function is None:
        return
    for handler in nodes(function.node):
        if not isinstance(handler, ast.ExceptHandler):
            continue
        for statement in handler.body:
            paid = _paid(statement)
            if paid is not None and paid > 0:
                yield Found(
                    f"`{function.node.name}` gives {paid} where it failed",
                    ("reward.py", f"{FUNCTION}.path"),
                    fix="return 0.0 there",
                    why="an answer that cannot be read is paid",
                    span=function.span(statement),
                )


def _paid(statement: ast.stmt) -> float | None:
    if isinstance(statement, ast.Return):
        value = statement.value
        if isinstance(value, ast.Dict):
            for key, item in zip(value.keys, value.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "score":
                    return number(item)
        return number(value)
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return number(statement.value) if statement.targets[0].id in ("score", "reward") else None
    return None
