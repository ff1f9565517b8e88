"""TS210 and TS212 over rows, tokenizer and template at hand: the numbers that `toolspec budget` has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import EXAMPLES
from rules import sound
from tiny_model import CHATML, write_model
from toolspec.backends.verl.chat.length_report import Asked, read_report
from toolspec.backends.verl.chat.subject import read_subject
from toolspec.backends.verl.lint.facts import prompt_counts
from toolspec.backends.verl.lint.lint import Linted, lint_file
from toolspec.backends.verl.written.files import Files
from toolspec.specs.problem import Problem

pytestmark = pytest.mark.slow

QUESTIONS = [f"{'the ' * (number % 40)}question {number}" for number in range(300)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    sound.write_base(tmp_path)
    write_model(tmp_path / "model")
    rows = [{"role": "user", "content": question} for question in QUESTIONS]
    columns = {
        "prompt": [[row] for row in rows],
        "data_source": ["x"] * len(rows),
        "reward_model": [{"style": "rule", "ground_truth": "1"}] * len(rows),
    }
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prompt_counts, "CHUNK", 20)
    return tmp_path


def script(folder: Path, limit: int, *more: str) -> None:
    given = [one for one in sound.ARGUMENTS if not one.startswith("data.max_prompt_length")]
    words = " ".join([*given, f"data.max_prompt_length={limit}", *more])
    (folder / "run.sh").write_text(f"python -m verl.trainer.main_ppo {words}\n", "utf-8")


def linted(release: str = "0.9.1", counting: bool = True) -> Linted:
    return lint_file(Path("run.sh"), f"verl=={release}", Files(counting))


def found(code: str, release: str = "0.9.1") -> list[Problem]:
    return [one for one in linted(release).findings if one.code == code and "validation" not in one.message]


def test_the_numbers_are_those_of_budget(folder: Path) -> None:
    script(folder, 4096)
    report = read_report(read_subject(Path("run.sh"), "verl==0.9.1"), Asked("train"), kept=False)
    longest = report.lengths.distribution.longest
    assert found("TS210") == []
    for limit in (longest, longest - 1, report.lengths.distribution.quantile(0.5)):
        script(folder, limit)
        over = report.lengths.distribution.over(limit)
        problems = found("TS210")
        assert len(problems) == bool(over)
        for problem in problems:
            row, tokens = over[0]
            said = f"{len(over)} of 300 prompts are longer than data.max_prompt_length={limit}: "
            assert problem.message == f"{said}the longest, row {row + 1}, has {tokens} tokens"
            assert problem.severity == "warning", "others are left"


def test_all_rows_too_long_are_an_error(folder: Path) -> None:
    script(folder, 8)
    (problem,) = found("TS210")
    assert problem.severity == "error"
    assert problem.message.startswith("all 300 prompts are longer than data.max_prompt_length=8: ")


def test_rows_that_the_template_refuses_are_told(folder: Path) -> None:
    script(folder, 4096)
    refusing = "{% if 'question 7' in messages[0].content %}{{ raise_exception('no') }}{% endif %}" + CHATML
    write_model(folder / "model", refusing)
    number = sum("question 7" in question for question in QUESTIONS)
    (problem,) = found("TS212")
    assert problem.message == (
        f"the chat template refuses {number} of 300 prompts, the first is row 8: TemplateError: no"
    )
    assert problem.severity == "warning"
    script(folder, 4096, "data.filter_overlong_prompts=False")
    assert found("TS212") == [], "the agent loop takes a row that stands behind an empty turn"


def test_an_editor_does_not_wait_for_counts(folder: Path) -> None:
    script(folder, 60)
    assert [one.code for one in found("TS210")] == ["TS210"]
    result = linted(counting=False)
    messages = [one.message for one in result.findings if one.code == "TS210"]
    assert all("has at least" in message for message in messages), messages
    needs = {one.rule.code: one.needs for one in result.skipped}
    assert "while a file is edited" in needs["TS212"]


def test_rows_with_images_are_not_counted(folder: Path) -> None:
    rows = pq.read_table(folder / "train.parquet")
    pq.write_table(
        rows.append_column("images", pa.array([[b"x"]] * len(QUESTIONS))), folder / "train.parquet"
    )
    script(folder, 4096)
    needs = {one.rule.code: one.needs for one in linted().skipped}
    assert needs["TS212"] == "rows of text alone, without `images`"


def test_a_model_without_tokenizer_has_the_least_that_its_words_come_to(folder: Path) -> None:
    (folder / "model" / "tokenizer.json").unlink()
    script(folder, 8)
    (problem,) = found("TS210")
    assert "has at least" in problem.message
    assert json.loads((folder / "model" / "config.json").read_text("utf-8"))["model_type"] == "mistral"


def test_a_model_that_a_spec_names_by_a_relative_folder_is_found(folder: Path) -> None:
    shutil.copytree(EXAMPLES / "calculator", folder / "experiment")
    write_model(folder / "models" / "tiny", "{{ messages }}")
    spec = folder / "experiment" / "exp.yaml"
    lines = spec.read_text("utf-8").splitlines()
    lines = [
        "model: {path: ../models/tiny, tool_format: hermes}" if line.startswith("model:") else line
        for line in lines
    ]
    spec.write_text("\n".join(lines), "utf-8")
    result = lint_file(spec, None, Files())
    assert "TS319" in {one.code for one in result.findings}, "the template says nothing of tools"
    assert not [one.needs for one in result.skipped if "model" in one.needs]
