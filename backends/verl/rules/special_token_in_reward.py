"""A reward looks for a special token, which its text does not have.

`solution_str` is decoded with `skip_special_tokens=True`: `<|im_start|>`, `<|eot_id|>` or `<|channel|>` are not in
it, so that looking for one, or cutting at it, finds nothing.

Why: the term is always 0, or the whole trajectory is taken for the part behind the mark.
Source: experimental/reward_loop/reward_manager/{naive,dapo,gdpo,limited,remote}.py of each release (0.9.1:
naive.py:55)
Bad:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        last = solution_str.split("<|im_start|>assistant")[-1]
        form = float("Answer: " in last)
        return {"score": form * float(last.endswith(str(ground_truth))), "format": form}
Good:
    reward.custom_reward_function.path=reward.py
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        last = solution_str.rsplit("</tool_response>", 1)[-1].replace("<|im_end|>", "")
        form = float("Answer: " in last)
        return {"score": form * float(last.endswith(str(ground_truth))), "format": form}
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import FUNCTION, MANAGER
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.compiler.facts.python_source import nodes

RULE = Rule("TS428", "special-token-in-reward", "warning")

# Special in the tokenizers of the models in use: ChatML, Llama 3, gpt-oss, Gemma, Phi.
SPECIAL = re.compile(
    r"<\\?\|(?:im_start|im_end|endoftext|eot_id|eom_id|start_header_id|end_header_id|begin_of_text|end_of_text|python_tag"
    r"|channel|message|call|start|end|return|constrain|user|assistant|system)\\?\|>|<(?:start|end)_of_turn>"
)
SEARCHES = (
    "split rsplit partition rpartition find rfind index rindex count startswith endswith "
    "findall finditer search match fullmatch compile"
)
SEARCHING = frozenset(SEARCHES.split())


def check(view: View) -> Iterator[Found]:
    if view.value(f"{MANAGER}.source") == "importlib":
        return  # a manager of one's own decodes as it likes
    function = view.facts.reward()
    if function is None:
        return
    seen: set[str] = set()
    for node in function.code:
        for part in nodes(node):
            found = _looked_for(part)
            if found is None or found in seen:
                continue
            seen.add(found)
            yield Found(
                f"the reward looks for `{found}`, and solution_str has no special tokens",
                ("reward.py", f"{FUNCTION}.path"),
                fix="text marks, as <tool_call> and <answer> are; turns are counted in extra_info",
                why="the response is decoded with skip_special_tokens=True, so that it is never found",
                span=function.span(part),
            )


def _looked_for(node: ast.AST) -> str | None:
    """The special token that a comparison or a call looks for."""
    if isinstance(node, ast.Compare) and any(isinstance(op, (ast.In, ast.NotIn)) for op in node.ops):
        texts = [node.left]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SEARCHING:
        texts = list(node.args[:1])
    else:
        return None
    for text in texts:
        for part in ast.walk(text):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                found = SPECIAL.search(part.value)
                if found:
                    return found.group().replace("\\", "")
    return None
