"""A reward function that never looks at the right answer.

It reads neither `ground_truth` nor `extra_info`, and asks nothing outside its file: what it pays can be had without
solving the task.

Why: the policy learns to be long, short or well formed, and not to be right.
Source: experimental/reward_loop/reward_manager/naive.py (0.9.1: :42-51) of each release hands both over
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        return min(1.0, len(solution_str) / 2000)
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return right - 0.1 * max(0.0, len(solution_str) / 2000 - 1.0)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION
from toolspec.backends.verl.lint.facts.reward import manager
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.python_source import nodes

RULE = Rule("TS421", "answer-never-read", "warning")


def check(view: View) -> Iterator[Found]:
    function = view.facts.reward()
    if function is None:
        return
    if not manager(view):
        return
    arguments = function.node.args
    others = {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None} | {
        "ground_truth",
        "extra_info",
    }
    own = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)} - {
        "data_source",
        "solution_str",
    }
    if any(function.mentions(name) for name in others | own) or not function.self_contained:
        return
    if any(
        isinstance(part, ast.Name) and part.id in ("locals", "open", "eval") for part in nodes(function.node)
    ):
        return
    if all(outcome.constant is not None for outcome in function.outcomes) and len(function.outcomes) == 1:
        return  # rule constant-reward
    yield Found(
        f"`{function.node.name}` reads neither ground_truth nor extra_info",
        ("reward.py", f"{FUNCTION}.path"),
        fix="compare the answer with ground_truth",
        why="all that it pays can be had without a right answer",
        span=function.span(),
    )
