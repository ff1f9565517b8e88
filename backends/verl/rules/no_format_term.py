"""A tool run whose reward looks at the form of nothing.

The reward function compares whole texts: it searches for no mark, parses no call and reads no count of turns. An answer
in the wrong form and a call that cannot be parsed are then the same as a wrong answer.

Why: early in training almost every reward is 0, and malformed calls are not pushed down.
Source: experimental/reward_loop/reward_manager/naive.py (0.9.1: :49-52) has num_turns and tool_rewards for it
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        return {"score": float(solution_str.strip() == ground_truth)}
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        if "Answer: " not in solution_str:
            return {"score": 0.0}
        return {"score": 0.1 + 0.9 * (solution_str.rsplit("Answer: ", 1)[1].strip() == ground_truth)}
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION, names_tools
from toolspec.backends.verl.lint.facts.reward import RewardFunction
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.python_source import nodes

RULE = Rule("TS422", "no-format-term", "warning")

LOOKING = frozenset(
    {
        "findall",
        "finditer",
        "search",
        "match",
        "fullmatch",
        "loads",
        "split",
        "rsplit",
        "partition",
        "rpartition",
    }
    | {
        "startswith",
        "endswith",
        "find",
        "rfind",
        "index",
        "rindex",
        "count",
        "sub",
        "splitlines",
        "removeprefix",
    }
)


def check(view: View) -> Iterator[Found]:
    if not names_tools(view):
        return
    function = view.facts.reward()
    if function is None:
        return
    if not function.self_contained or not function.mentions("ground_truth") or _looks(function):
        return
    yield Found(
        f"`{function.node.name}` looks at the form of neither the calls nor the answer, and the run has tools",
        ("reward.py", f"{FUNCTION}.path"),
        fix="ask for a mark before the answer, and count malformed calls against it",
        why="a call that cannot be parsed is the same as a wrong answer",
        span=function.span(),
    )


def _looks(function: RewardFunction) -> bool:
    for node in function.code:
        for part in nodes(node):
            if isinstance(part, ast.Attribute) and part.attr in LOOKING:
                return True
            if isinstance(part, ast.Compare) and isinstance(part.left, ast.Constant | ast.JoinedStr):
                return True
            if isinstance(part, ast.Name) and part.id in ("extra_info", "kwargs", "data_source"):
                return True
    return False
