"""A reward function that gives every answer the same.

Why: advantages are differences of rewards: they are all 0, and nothing is learned.
Source: trainer/ppo/core_algos.py compute_grpo_outcome_advantage (0.9.1: :305-330) of each release
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        return {"score": 1.0, "length": float(len(solution_str))}
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right, "length": float(len(solution_str))}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION
from toolspec.backends.verl.lint.facts.outcomes import number
from toolspec.backends.verl.lint.facts.reward import manager
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity

RULE = Rule("TS420", "constant-reward", "error")


def check(view: View) -> Iterator[Found]:
    function = view.facts.reward()
    if function is None:
        return
    values = {
        number(outcome.keys.get("score")) if outcome.kind == "dict" else outcome.constant
        for outcome in function.outcomes
    }
    if len(values) != 1 or None in values or any(outcome.maybe for outcome in function.outcomes):
        return
    # The penalty for length, and a teacher's loss, are another signal.
    other = manager(view) == "dapo" or bool(view.value("distillation.enabled"))
    severity: Severity | None = "warning" if other else None
    yield Found(
        f"`{function.node.name}` returns {values.pop()} for every answer",
        ("reward.py", f"{FUNCTION}.path"),
        fix="compare the answer with ground_truth",
        why="advantages are differences of rewards, so that nothing is learned from equal ones",
        span=function.span(function.outcomes[0].node),
        severity=severity,
    )
