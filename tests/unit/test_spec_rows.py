"""Lint of a spec reads the spec's own rows: what compile would say of them, and what the rules see in them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolspec.backends.verl.compile import compile_spec, write
from toolspec.backends.verl.lint.facts.spec_rows import SpecRows
from toolspec.backends.verl.lint.lint import Linted, lint_file
from toolspec.backends.verl.written.files import Files
from toolspec.specs.problem import ProblemError

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "calculator"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(EXAMPLE, tmp_path / "here", ignore=shutil.ignore_patterns("__pycache__"))


def lint(folder: Path) -> Linted:
    return lint_file(folder / "exp.yaml", None, Files())


def test_a_row_that_compile_refuses_is_found_at_the_file(folder: Path) -> None:
    lines = (folder / "train.jsonl").read_text("utf-8").splitlines()
    lines[2] = json.dumps({"question": None, "answer": "3"})
    (folder / "train.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    # The example's own warning, that a bad call undoes a right answer, stands beside it.
    found, *others = sorted(lint(folder).findings, key=lambda one: one.severity)
    assert {one.code for one in others} == {"TS431"}
    assert (found.code, found.severity, found.message) == (
        "TS612",
        "error",
        "train.jsonl, line 3: `question` is null",
    )
    assert found.span is not None
    text = (folder / "exp.yaml").read_text("utf-8").splitlines()[found.span.line - 1]
    assert text[found.span.column - 1 :].startswith("train.jsonl")


def test_rules_on_rows_see_them(folder: Path) -> None:
    text = (folder / "exp.yaml").read_text("utf-8")
    changed = text.replace("prompt_tokens: 512", "prompt_tokens: 12").replace("batch: 64", "batch: 1024")
    (folder / "exp.yaml").write_text(changed, "utf-8")
    found = {
        problem.code: problem.message for problem in lint(folder).findings if problem.severity == "error"
    }
    assert found == {
        "TS210": "all 512 prompts are longer than data.max_prompt_length=12: the longest has at least 37 tokens",
        "TS621": "data.train_batch_size is 1024 and there are 512 training rows",
    }


def test_the_rows_seen_are_those_that_are_written(folder: Path, tmp_path: Path) -> None:
    rows = [
        {
            "question": f"What is {n} + 1?",
            "answer": str(n + 1),
            "level": {"n": n},
            "persona": None if n % 2 else "Be brief.",
        }
        for n in range(300)
    ]
    for name in ("train.jsonl", "val.jsonl"):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    text = (
        (folder / "exp.yaml")
        .read_text("utf-8")
        .replace("answer: answer}", "answer: answer, system: persona}")
    )
    (folder / "exp.yaml").write_text(text, "utf-8")
    compiled = compile_spec(folder / "exp.yaml", (), None, tmp_path / "build" / "exp")
    write(compiled)
    (file,) = (tmp_path / "build" / "data").glob("*/train.parquet")
    seen = SpecRows(compiled).rows("train")
    written = pq.read_table(file).to_pylist()
    assert (seen.count, len(seen.sample), set(seen.columns)) == (300, 300, set(written[0]))
    for one, other in zip(seen.sample, written, strict=True):
        for name in ("data_source", "agent_name", "prompt", "reward_model"):
            assert one[name] == other[name], name
        assert one["extra_info"] == {
            key: value for key, value in other["extra_info"].items() if key in one["extra_info"]
        }


def test_rows_that_are_elsewhere_are_a_note_and_the_rest_is_checked(folder: Path) -> None:
    """Data are often not in the repository: only a folder that has other data is the one that is meant."""
    (folder / "train.jsonl").unlink()
    (found,) = lint(folder).findings
    assert (found.code, found.severity, found.message.split(",")[0]) == (
        "TS601",
        "error",
        "train.jsonl does not exist",
    )
    (folder / "val.jsonl").unlink()
    linted = lint(folder)
    assert {(p.code, p.severity, p.path) for p in linted.findings if p.code != "TS431"} == {
        ("TS601", "note", "data.train.0"),
        ("TS601", "note", "data.val.0"),
    }
    assert len(linted.checked) > 100
    assert "the file of data.train (train.jsonl)" in {one.needs for one in linted.skipped}
    with pytest.raises(ProblemError, match=r"train\.jsonl does not exist"):
        compile_spec(folder / "exp.yaml")
