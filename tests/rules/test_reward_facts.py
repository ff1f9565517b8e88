"""What the linter reads off a reward function: its outcomes, its reads of extra_info, what it pays for."""

from __future__ import annotations

import ast
import textwrap

import pytest

from toolspec.backends.verl.lint.facts.outcomes import Outcomes
from toolspec.backends.verl.lint.facts.payment import paid_texts
from toolspec.backends.verl.lint.facts.reads import extra_info_reads
from toolspec.backends.verl.lint.facts.reward import RewardFunction
from toolspec.compiler.facts.module_names import read_names
from toolspec.compiler.facts.python_source import parse_source

HEAD = "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"


def function_of(body: str, before: str = "") -> RewardFunction:
    text = before + HEAD + textwrap.indent(textwrap.dedent(body), "    ")
    source = parse_source(text, "reward.py")
    names = read_names(source.tree)
    return RewardFunction(source, names, names.functions["compute_score"][-1], "reward.py")


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        ("return 1.0", ["number"]),
        ("return {'score': 1.0}", ["dict"]),
        ("return None", ["none"]),
        ("if solution_str:\n    return 1.0", ["number", "none"]),
        ("if solution_str:\n    return 1.0\nelse:\n    return 0", ["number", "number"]),
        ("try:\n    return float(solution_str)\nexcept ValueError:\n    return 0.0", ["number", "number"]),
        ("try:\n    return float(solution_str)\nexcept ValueError:\n    pass", ["number", "none"]),
        ("while True:\n    if solution_str:\n        return 1", ["number"]),
        ("raise ValueError", []),
        ("return 1.0, {}", ["list"]),
        ("return helper(solution_str)", ["dict", "number"]),
        ("return unknown(solution_str)", ["unknown"]),
        ("score = 0.0\nscore += 1\nreturn score", ["number"]),
        ("score = solution_str\nreturn score", ["unknown"]),
        ("yield 1.0", ["generator"]),
    ],
)
def test_outcomes(body: str, kinds: list[str]) -> None:
    helper = "def helper(text):\n    if text:\n        return {'score': 1.0}\n    return 0\n\n\n"
    function = function_of(body, helper)
    assert [outcome.kind for outcome in Outcomes(function.names).of(function.node)] == kinds


def test_a_dict_that_is_built_up_keeps_what_is_sure_and_what_is_not() -> None:
    function = function_of(
        """
        result = {"score": 0.0, "acc": 0.0}
        result["length"] = 1.0
        if solution_str:
            result["score"] = 1.0
            result["found"] = 1.0
        return result
        """
    )
    (outcome,) = function.outcomes
    assert set(outcome.keys) == {"score", "acc", "length"}
    assert outcome.maybe == {"found"}
    assert isinstance(outcome.keys["score"], ast.Name), "set again on a path: not the 0.0 that it starts with"


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        ("return extra_info['a']", [("a", True)]),
        ("return extra_info.get('a', 0)", []),
        ("if 'a' in extra_info:\n    return extra_info['a']\nreturn 0", []),
        ("try:\n    n = extra_info['a']\nexcept KeyError:\n    n = 0\nreturn n", []),
        ("try:\n    n = extra_info['a']\nexcept ValueError:\n    n = 0\nreturn n", [("a", True)]),
        ("if ground_truth:\n    return 0.0\nreturn extra_info['a']", [("a", False)]),
        ("if ground_truth:\n    return extra_info['a']\nreturn 0.0", [("a", False)]),
        ("extra_info = extra_info or {'a': 1}\nreturn extra_info['a']", []),
        ("return extra_info and extra_info['a']", []),
    ],
)
def test_reads_of_extra_info(body: str, reads: list[tuple[str, bool]]) -> None:
    assert [(read.key, read.certain) for read in extra_info_reads(function_of(body))] == reads


@pytest.mark.parametrize(
    ("body", "paid"),
    [
        ("return 0.1 * ('<tool_call>' in solution_str)", [("<tool_call>", False)]),
        ("return 1.0 - 0.1 * solution_str.count('<tool_call>')", []),
        ("return 1.0 + 0.1 * solution_str.count('<tool_call>')", [("<tool_call>", True)]),
        ("return min(0.3, 0.1 * solution_str.count('<tool_call>'))", []),
        ("s = 0\nif '<tool_call>' in solution_str:\n    s += 0.1\nreturn s", [("<tool_call>", False)]),
        ("s = 0\nif '<tool_call>' in solution_str and ground_truth:\n    s += 0.1\nreturn s", []),
        ("s = 0\nif '<tool_call>' in solution_str:\n    s += -0.1\nreturn s", []),
        ("called = '<tool_call>' in solution_str\nreturn 1.0", []),
    ],
)
def test_paid_texts(body: str, paid: list[tuple[str, bool]]) -> None:
    found = [(text, again) for text, _, again in paid_texts(function_of(body).node)]
    assert found == paid
