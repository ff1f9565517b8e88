"""The data sources that the linter takes for known are those that each release's own reward compares with."""

from __future__ import annotations

import ast

import pytest

from real.environment import RELEASES, Environment
from toolspec.backends.verl.lint.facts.builtin_rewards import PREFIXES, SOURCES

pytestmark = pytest.mark.real


@pytest.mark.parametrize("version", RELEASES)
def test_the_sources_are_those_of_the_release(version: str, environment: Environment) -> None:
    file = environment.wheel(version) / "verl" / "utils" / "reward_score" / "__init__.py"
    tree = ast.parse(file.read_text("utf-8"))
    (function,) = (
        n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "default_compute_score"
    )
    compared, prefixes = set(), set()
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Compare)
            and isinstance(node.left, ast.Name)
            and node.left.id == "data_source"
        ):
            compared |= {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "startswith"
        ):
            prefixes |= {part.value for part in node.args if isinstance(part, ast.Constant)}
    assert compared == SOURCES
    assert prefixes == set(PREFIXES)
