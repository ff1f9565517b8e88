"""A reward reads tool responses from the text, where the policy can write them itself.

The markers `<tool_response>` are text in `solution_str`, and the roles around them are gone. What the policy wrote
between two such markers looks the same as what a tool returned.

Why: the policy is paid for a response that no tool gave.
Source: experimental/reward_loop/reward_manager/naive.py (0.9.1: :54-56) decodes with skip_special_tokens=True; a forged
response was paid on 0.7.1, 0.8.0 and 0.9.1
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    import re


    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        results = re.findall(r"<tool_response>(.*?)</tool_response>", solution_str, re.DOTALL)
        right = float(solution_str.endswith(f"Answer: {ground_truth}"))
        return {"score": right + 0.1 * bool(results and "error" not in results[-1]), "acc": right}
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    import re


    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        text = re.sub(r"<tool_response>.*?</tool_response>", "", solution_str, flags=re.DOTALL)
        right = float(text.endswith(f"Answer: {ground_truth}"))
        return {"score": right, "acc": right}
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION
from toolspec.backends.verl.lint.facts.payment import paid_texts
from toolspec.backends.verl.lint.facts.reward import RewardFunction
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.python_source import nodes

RULE = Rule("TS426", "tool-response-trusted", "warning")

READING = frozenset({"findall", "finditer", "search", "match"})
MARKER = "tool_response"


def check(view: View) -> Iterator[Found]:
    function = view.facts.reward()
    if function is None:
        return
    places: list[ast.AST] = []
    for node in function.code:
        places += [part for part in nodes(node) if _reads(part, function)]
        places += [place for text, place, _ in paid_texts(node) if MARKER in text]
    for place in places:
        yield Found(
            "the reward reads what stands between <tool_response> markers, which the policy can write itself",
            ("reward.py", f"{FUNCTION}.path"),
            fix='what the loop counted: extra_info["tool_rewards"], extra_info["num_turns"]',
            why="in solution_str a forged response looks like a tool's",
            span=function.span(place),
        )


def _reads(node: ast.AST, function: RewardFunction) -> bool:
    """Whether a call takes texts out by a pattern with the marker and a group in it."""
    if (
        not isinstance(node, ast.Call)
        or not isinstance(node.func, ast.Attribute)
        or node.func.attr not in READING
    ):
        return False
    pattern = _pattern(node.func.value, function) or _pattern(node.args[0] if node.args else None, function)
    return (
        pattern is not None and f"<{MARKER}>" in pattern and "(" in pattern and not pattern.startswith("(?!")
    )


def _pattern(node: ast.AST | None, function: RewardFunction) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return _pattern(function.names.aliases.get(node.id), function)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "compile"
        and node.args
    ):
        return _pattern(node.args[0], function)
    return None
