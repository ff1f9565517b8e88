"""docs/faults.md and the tests of faults: a row for each, and a test for each row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAST = 25


def rows() -> list[list[str]]:
    """Cells of every row of the tables, without their heads."""
    text = (ROOT / "docs" / "faults.md").read_text("utf-8")
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    return [row for row in cells if row[0] not in ("what was done", "---")]


def faults() -> list[str]:
    """Names of all tests of faults."""
    return [
        part.name
        for file in sorted((ROOT / "tests" / "real" / "slurm").glob("test_faults_*.py"))
        for part in ast.parse(file.read_text("utf-8")).body
        if isinstance(part, ast.FunctionDef) and part.name.startswith("test_")
    ]


def test_each_row_is_a_test_and_each_test_a_row() -> None:
    named = [row[3].strip("` |") for row in rows()]
    assert sorted(named) == sorted(faults())
    assert len(set(named)) == len(named) >= LEAST


def test_each_row_says_what_was_done_promised_and_seen() -> None:
    for row in rows():
        assert len(row) == 4 and all(row), row
        assert re.search(r"\w", row[2]), row
