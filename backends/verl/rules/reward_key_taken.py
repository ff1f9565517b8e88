"""A reward's dict has a key that the V0 trainer uses for something else.

`reward` is where validation collects the scores: the list gets twice the entries. `uid`, `reward_model` and
`extra_info` are columns of the batch, which must not change.

Why: the run stops at an assertion, in the first validation or the first step.
Source: trainer/ppo/ray_trainer.py _validate (0.7.1: :584-614, 0.8.0: :677-707, 0.9.1: :678-708) and _get_gen_batch;
protocol.py union_numpy_dict
Bad (verl 0.8.0):
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right, "reward": right}
Good (verl 0.8.0):
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right, "acc": right}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION, uses_v1
from toolspec.backends.verl.lint.facts.reward import manager
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS408", "reward-key-taken", "error")

TAKEN = {
    "reward": "validation collects the scores under it, and asserts that there are not more of them than samples",
    "uid": "the batch has a column of this name, and asserts that it stays the same",
    "reward_model": "the batch has a column of this name, and asserts that it stays the same",
    "extra_info": "the batch has a column of this name, and asserts that it stays the same",
}


def check(view: View) -> Iterator[Found]:
    if uses_v1(view):
        return
    function = view.facts.reward()
    if function is None:
        return
    if not manager(view):
        return
    for outcome in function.outcomes:
        for key, value in outcome.keys.items():
            if key in TAKEN:
                yield Found(
                    f"`{function.node.name}` returns a key `{key}`",
                    ("reward.py", f"{FUNCTION}.path"),
                    fix=f"another name, such as `{key}_value`",
                    why=TAKEN[key],
                    span=function.span(value),
                )
