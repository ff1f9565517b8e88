"""A reward function that returns no number on some path.

A dict needs the key `score`. Without it the manager's lookup is a KeyError; None, a text and a list cannot become the
reward of a trajectory.

Why: the run ends at the first such answer (V0), or its group fails (V1). Under `rate_limited` the reward is 0.
Source: experimental/reward_loop/reward_manager/naive.py (0.9.1: :92-103) of each release; agent_loop.py
_compute_score; run on 0.7.1, 0.8.0 and 0.9.1
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = solution_str.endswith(f"Answer: {ground_truth}")
        return {"reward": float(right), "acc": float(right)}
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = solution_str.endswith(f"Answer: {ground_truth}")
        return {"score": float(right), "acc": float(right)}
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        if "Answer: " in solution_str:
            return float(solution_str.endswith(ground_truth))
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = solution_str.endswith(f"Answer: {ground_truth}")
        return float(right), {"acc": float(right)}
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION
from toolspec.backends.verl.lint.facts.outcomes import Outcome
from toolspec.backends.verl.lint.facts.reward import RewardFunction, manager
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS405", "reward-without-score", "error")

WORDS = {
    "none": "None",
    "text": "a text",
    "list": "a list or tuple",
    "generator": "a generator (it has `yield`)",
}


def check(view: View) -> Iterator[Found]:
    function = view.facts.reward()
    if function is None:
        return
    if not manager(view):
        return
    swallows = manager(view) == "rate_limited"
    for outcome in function.outcomes:
        what = _lacks(outcome)
        if what is None or (outcome.kind == "list" and _takes_batches(function)):
            continue
        end = outcome.node is function.node and outcome.kind == "none"
        only = all(_lacks(other) is not None for other in function.outcomes)
        yield Found(
            f"`{function.node.name}` can end without a `return`"
            if end
            else f"`{function.node.name}` returns {what}",
            ("reward.py", f"{FUNCTION}.path"),
            fix="return a number, or a dict with `score`, on every path",
            why="the manager takes it for the reward, fails, and gives 0"
            if swallows
            else "the manager takes it for the reward and fails",
            span=function.span() if outcome.node is function.node else function.span(outcome.node),
            severity="warning" if end and not only and not _common(function.node.body[-1]) else None,
        )


def _common(last: ast.stmt) -> bool:
    """Whether the end of the function is reached by a condition on the answer, not on the kind of the row."""
    if not isinstance(last, ast.If):
        return False
    tests, todo = set(), [last]
    while todo:
        one = todo.pop()
        tests |= {part.id for part in ast.walk(one.test) if isinstance(part, ast.Name)}
        todo += [part for part in (*one.body, *one.orelse) if isinstance(part, ast.If)]
    return not tests & {"data_source", "extra_info"}


def _takes_batches(function: RewardFunction) -> bool:
    """Whether it asks for lists among its arguments, so that a list is the answer to a list only."""
    return any(
        isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "isinstance"
        for node in function.code
        for part in ast.walk(node)
    )


def _lacks(outcome: Outcome) -> str | None:
    if outcome.kind == "dict":
        if "score" in outcome.keys or "score" in outcome.maybe:
            return None
        keys = ", ".join(outcome.keys) or "nothing"
        return f"a dict without `score` (it has {keys})"
    return WORDS.get(outcome.kind)
