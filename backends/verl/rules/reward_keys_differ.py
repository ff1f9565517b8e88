"""A reward function whose paths return different keys, under the V0 trainer.

V0 takes the keys of the first trajectory of a batch and looks each up in all others; the batches of its workers must
have the same ones. A plain number counts as a dict with `acc`.

Why: the run ends at the first batch in which two paths meet.
Source: experimental/agent_loop/agent_loop.py _postprocess (0.7.1: :837-840, 0.8.0: :979-982, 0.9.1: :1108-1111)
Bad (verl 0.8.0):
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        if "Answer: " not in solution_str:
            return {"score": -1.0}
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right, "acc": right}
Good (verl 0.8.0):
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        if "Answer: " not in solution_str:
            return {"score": -1.0, "acc": 0.0}
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right, "acc": right}
Bad (verl 0.7.1):
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        if "Answer: " not in solution_str:
            return 0.0
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right, "found": 1.0}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION, uses_v1
from toolspec.backends.verl.lint.facts.outcomes import Outcome
from toolspec.backends.verl.lint.facts.reward import manager
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS407", "reward-keys-differ", "error")


def check(view: View) -> Iterator[Found]:
    if uses_v1(view):
        return
    function = view.facts.reward()
    if function is None:
        return
    if not manager(view):
        return
    known = [outcome for outcome in function.outcomes if outcome.kind in ("dict", "number")]
    if not known:
        return
    fullest = max(known, key=lambda outcome: len(_keys(outcome)))
    for outcome in known:
        lacking = sorted(_keys(fullest) ^ _keys(outcome))
        sometimes = sorted(outcome.maybe)
        if not lacking and not sometimes:
            continue
        listed = ", ".join(f"`{key}`" for key in lacking or sometimes)
        yield Found(
            f"`{function.node.name}` returns {listed} on some paths only",
            ("reward.py", f"{FUNCTION}.path"),
            fix="the same keys on every path, with 0.0 where there is no value",
            why="the V0 trainer looks up the keys of the first trajectory in all others",
            span=function.span(outcome.node),
        )


def _keys(outcome: Outcome) -> frozenset[str]:
    return frozenset(outcome.keys) | outcome.maybe if outcome.kind == "dict" else frozenset({"acc"})
