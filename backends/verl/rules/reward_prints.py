"""A reward function prints at every score.

Why: a step scores train_batch_size × rollout.n trajectories; their lines bury the log and slow the workers down.
Source: experimental/reward_loop/reward_loop.py (0.9.1: :134-143) of each release: one call a trajectory
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        print("response:", solution_str)
        return float(solution_str.endswith(f"Answer: {ground_truth}"))
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    import random


    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        if random.random() < 0.01:
            print("response:", solution_str)
        return float(solution_str.endswith(f"Answer: {ground_truth}"))
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION, group
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS427", "reward-prints", "note")


def check(view: View) -> Iterator[Found]:
    function = view.facts.reward()
    if function is None:
        return
    printed = [
        statement
        for statement in function.node.body
        if isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id == "print"
    ]
    if printed:
        samples = view.integer("data.train_batch_size") * group(view)
        yield Found(
            f"`{function.node.name}` prints at every score, {samples} times a step",
            ("reward.py", f"{FUNCTION}.path"),
            fix="print one in a hundred",
            span=function.span(printed[0]),
        )
