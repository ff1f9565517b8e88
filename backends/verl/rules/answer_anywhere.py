"""A reward looks for the right answer anywhere in the response, which holds what the tools returned.

`solution_str` is the whole trajectory after the prompt: every turn of the policy and every tool response. The answer is
found in a tool's output, or among many guesses.

Why: the reward is paid without the policy having said the answer.
Source: experimental/agent_loop/tool_agent_loop.py appends tool responses to the response (0.9.1: :394);
experimental/reward_loop/reward_manager/naive.py (0.9.1: :54) decodes all of it
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        return {"score": 1.0 if ground_truth in solution_str else 0.0}
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        answer = solution_str.rsplit("</tool_response>", 1)[-1]
        return {"score": 1.0 if f"Answer: {ground_truth}" in answer else 0.0}
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION, names_tools
from toolspec.backends.verl.lint.facts.payment import is_answer
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.python_source import nodes

RULE = Rule("TS423", "answer-anywhere", "warning")


def check(view: View) -> Iterator[Found]:
    if not names_tools(view):
        return
    function = view.facts.reward()
    if function is None:
        return
    for part in nodes(function.node):
        if not _searched(part):
            continue
        yield Found(
            f"`{function.node.name}` looks for ground_truth anywhere in solution_str, tool responses included",
            ("reward.py", f"{FUNCTION}.path"),
            fix='cut at the last tool response: solution_str.rsplit("</tool_response>", 1)[-1]',
            why="it is also found where a tool returned it, or among guesses",
            span=function.span(part),
        )


def _searched(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.In):
        return is_answer(node.comparators[0]) and _plain(node.left)
    if (
        not isinstance(node, ast.Call)
        or not isinstance(node.func, ast.Attribute)
        or node.func.attr != "search"
    ):
        return False
    pattern = node.args[0] if len(node.args) >= 2 and is_answer(node.args[1]) else None
    return isinstance(pattern, ast.Call) and any(_plain(argument) for argument in pattern.args)


def _plain(node: ast.AST) -> bool:
    """Whether an expression is the answer itself, without a mark such as `Answer: ` before it."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id == "str" and len(node.args) == 1:
            return _plain(node.args[0])
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("strip", "lower"):
            return _plain(node.func.value)
    return isinstance(node, ast.Name) and node.id == "ground_truth"
