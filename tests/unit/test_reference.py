"""The reference page: it is current, it is whole, and what it shows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from toolspec.specs.loading import load
from toolspec.specs.problem import ProblemError
from toolspec.specs.reference import anchor, reference_markdown
from toolspec.specs.reference_prose import BEFORE, WORDS
from toolspec.specs.refused import REFUSED
from toolspec.specs.shape import all_paths, annotations_at

COMMITTED = Path(__file__).parents[2] / "docs" / "language.md"
PAGE = reference_markdown()


def test_the_committed_page_is_current() -> None:
    assert COMMITTED.read_text("utf-8") == PAGE, "python -m toolspec.specs.reference > docs/language.md"


def rows(page: str) -> dict[str, list[str]]:
    """Heading → the first cells of its table."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in page.splitlines():
        if line.startswith("#"):
            heading = line.strip("# `")
        elif cell := re.match(r"\| `([^`]+)` \|", line):
            found.setdefault(heading, []).append(cell[1])
    return found


def test_every_key_has_a_row_and_every_row_four_cells() -> None:
    found = rows(PAGE)
    keys = {key for table in found.values() for key in table}
    for path, _ in all_paths():
        assert path[-1] in keys, path
    assert found["budget"][:2] == ["turns", "rounds"]
    assert found["tools.<name>"][0] == "python"
    tables = PAGE.split("## Short forms")[0]
    for line in tables.splitlines():
        if line.startswith("| `"):
            assert len(re.split(r"(?<!\\)\|", line)) == 6, line
            assert "None" not in line, line


def test_every_link_leads_to_a_heading() -> None:
    headings = {anchor(line.strip("# `")) for line in PAGE.splitlines() if line.startswith("#")}
    links = re.findall(r"\]\(#([^)]*)\)", PAGE)
    assert len(links) > 25
    assert set(links) <= headings


def test_the_page_says_ranges_words_and_defaults() -> None:
    assert "| `gpu_memory` | a number > 0, ≤ 1 or `auto` | `auto` |" in PAGE
    assert "| `group` | a whole number ≥ 1 | 4 for ppo, 1 for remax, 8 for the others |" in PAGE
    assert "| `algorithm` | [a mapping](#algorithm) or `ppo`, `grpo`" in PAGE
    assert "| `timeout` | a time with its unit, such as `12h` | 60s |" in PAGE
    assert "| `algorithm.lr: X` | `algorithm.lr: {peak: X}` |" in PAGE


def test_the_first_example_is_a_spec(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", BEFORE, re.DOTALL)
    assert block is not None
    file = tmp_path / "exp.yaml"
    file.write_text(block[1], encoding="utf-8")
    assert load(file).spec.algorithm.group == 8


def test_the_words_that_mean_something_else_are_keys() -> None:
    assert len(WORDS) > 10
    for word, here, elsewhere in WORDS:
        assert f"| {word} | {here} | {elsewhere} |" in PAGE
        for name in re.findall(r"`([a-z_.]+)[:`]", word)[:1]:
            assert annotations_at(name.split(".")), name


@pytest.mark.parametrize("path", sorted(REFUSED))
def test_what_is_outside_is_refused_with_the_words_of_the_page(path: str, tmp_path: Path) -> None:
    assert f"| `{path}` | {REFUSED[path]} |" in PAGE
    value = "{}"
    for key in reversed(path.replace("*", "x").split(".")):
        value = f"{{{key}: {value}}}"
    file = tmp_path / "exp.yaml"
    file.write_text(value, encoding="utf-8")
    with pytest.raises(ProblemError) as raised:
        load(file)
    assert REFUSED[path] in [problem.fix for problem in raised.value.problems]
