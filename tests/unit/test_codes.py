"""The table of codes is what the sources tell, and each code has one name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from toolspec.backends.verl.rules.registry import rules
from toolspec.cli.explain import explain
from toolspec.specs.codes import CODES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("specs", "compiler", "backends", "src/toolspec/cli", "src/toolspec/lsp")
CODE = re.compile(r"TS\d{3}")
NAME = re.compile(
    r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+|tab|syntax|alias|tag|extends|sweep|set|system|settings|fetch"
)


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if file != ROOT / "specs" / "codes.py":
                yield file, ast.parse(file.read_text("utf-8"))


def texts(tree: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def pairs(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(code, name) as they stand side by side in a call or a tuple, or as a key and a value."""
    for node in ast.walk(tree):
        found: list[tuple[ast.AST | None, ast.AST]] = []
        if isinstance(node, ast.Call):
            found += pairwise(node.args)
        elif isinstance(node, (ast.Tuple, ast.List)):
            found += pairwise(node.elts)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                found.append(
                    (value.elts[0] if isinstance(value, ast.Tuple) and value.elts else value, key or value)
                )
        for a, b in found:
            if isinstance(a, ast.Constant) and isinstance(b, ast.Constant):
                one, two = a.value, b.value
                if (
                    isinstance(one, str)
                    and isinstance(two, str)
                    and CODE.fullmatch(one)
                    and NAME.fullmatch(two)
                ):
                    yield one, two


def test_every_code_of_the_sources_is_in_the_table_and_no_other() -> None:
    told = {text for _, tree in sources() for text in texts(tree) if CODE.fullmatch(text)}
    assert sorted(told) == sorted(CODES), "specs/codes.py"


def test_a_code_stands_beside_its_name_and_no_other() -> None:
    found = [(str(file), *pair) for file, tree in sources() for pair in pairs(tree)]
    assert len({code for _, code, _ in found}) > 90  # most are written so; the next test is for all of them
    assert [one for one in found if CODES[one[1]] != one[2]] == []


def test_a_file_that_tells_a_code_tells_its_name() -> None:
    importing = ROOT / "backends" / "verl" / "importing"
    readers = {importing / "closing.py", importing / "refusals.py"}  # they answer to what others tell
    for file, tree in sources():
        if file in readers:
            continue
        said = texts(tree)
        for code in filter(CODE.fullmatch, said):
            assert CODES[code] in said, (file, code)


def test_a_name_has_one_code() -> None:
    assert len(set(CODES.values())) == len(CODES)
    assert list(CODES) == sorted(CODES)


def test_the_rules_are_in_the_table() -> None:
    assert {entry.rule.code: entry.rule.name for entry in rules()}.items() <= CODES.items()


@pytest.mark.parametrize("word", ["TS003", "ts003", "duplicate-key"])
def test_codes_that_are_no_rules_are_explained(word: str) -> None:
    done = CliRunner().invoke(explain, [word])
    assert done.output.startswith("TS003 duplicate-key: ")


def test_an_unknown_code_gets_the_nearest() -> None:
    assert "Did you mean duplicate-key?" in CliRunner().invoke(explain, ["duplicat-key"]).output
