"""A reward pays for the text of a tool call, whether or not a tool was called.

`solution_str` is text that the policy writes: `<tool_call>` in it is no call until a parser took it for one. A sum for
each occurrence has no limit.

Why: the policy learns to write the text, and verl's own GSM8K reward was beaten so.
Source: experimental/reward_loop/reward_manager/naive.py (0.9.1: :54) decodes the whole response; verl issue 4998
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        score = right
        if "<tool_call>" in solution_str:
            score += 0.1
        return {"score": score, "acc": right}
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        score = right
        if right and extra_info["num_turns"] > 2:
            score += 0.1
        return {"score": score, "acc": right}
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right + 0.2 * solution_str.count("<tool_call>"), "acc": right}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION
from toolspec.backends.verl.lint.facts.payment import paid_texts
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS424", "paid-for-text", "warning")

OF_CALLS = ("tool", "function", "call", "code", "search")


def check(view: View) -> Iterator[Found]:
    function = view.facts.reward()
    if function is None:
        return
    for node in function.code:
        for text, place, again in paid_texts(node):
            if not any(word in text.lower() for word in OF_CALLS):
                continue
            yield Found(
                f"`{node.name}` pays for every {text!r} in solution_str"
                if again
                else f"`{node.name}` pays for {text!r} in solution_str",
                ("reward.py", f"{FUNCTION}.path"),
                fix="pay for a call that the answer needed: only with a right answer, at most once",
                why="writing the text is enough" + (", and there is no limit to it" if again else ""),
                span=function.span(place),
            )
