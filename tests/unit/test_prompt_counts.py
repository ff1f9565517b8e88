"""The prompts that `budget.prompt_tokens: auto` counts: what is missing, hostile, left out, and counted once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counted_spec import SPEC, TIGHT, compiled, linted, refused, said, settle, write_rows
from tiny_model import CHATML
from toolspec.backends.verl.chat import prompt_lengths
from toolspec.backends.verl.chat.lengths import Lengths, Model, lengths
from toolspec.backends.verl.compile import check
from toolspec.backends.verl.migrate import migrate
from toolspec.compiler.plan.prompt_tokens import PATH
from toolspec.lsp.diagnostics import findings
from toolspec.specs.problem import ProblemError

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return settle(tmp_path, monkeypatch)


WITHOUT = {
    "tokenizer": (("model/tokenizer.json",), "TS044"),
    "template": (("model/chat_template.jinja",), "TS044"),
    "rows": (("train.parquet", "val.parquet"), "TS047"),
}


@pytest.mark.parametrize("missing", WITHOUT)
def test_what_is_not_at_hand_is_an_error_of_compile_and_a_note_of_lint(missing: str, folder: Path) -> None:
    rows = [{"prompt": [{"role": "user", "content": "x"}], "data_source": "s", "extra_info": {"index": 0}}]
    for name in ("train", "val"):
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    files, code = WITHOUT[missing]
    for name in files:
        (folder / name).unlink()
    # A length that is given and too short for the default of 2048 is no error here: nobody knows the number.
    changes = (
        ("jsonl", "parquet"),
        (", columns: {prompt: question, answer: answer}, system: Be brief.", ""),
        ("hermes}", "hermes, max_model_len: 1024}"),
    )
    (problem,) = refused(folder, *changes)
    assert (problem.code, problem.severity, problem.path) == (code, "error", PATH)
    assert problem.span is not None and problem.span.line == 9
    assert "a number: budget.prompt_tokens: 2048" in problem.fix
    found = linted(folder)
    assert [(p.code, p.severity) for p in found.findings if p.path == PATH] == [(code, "note")]
    assert not [p for p in found.findings if p.severity == "error"]
    assert len(found.checked) > 100
    needs = {one.rule.code: one.needs for one in found.skipped}
    assert needs["TS210"] == "data.max_prompt_length (the prompts are not counted)"


def test_a_length_that_is_too_short_for_any_prompt_is_an_error_without_a_count(folder: Path) -> None:
    (folder / "model" / "tokenizer.json").unlink()
    (folder / "exp.yaml").write_text(SPEC.replace("hermes}", "hermes, max_model_len: 512}"), "utf-8")
    assert {p.code for p in linted(folder).findings if p.severity == "error"} == {"TS203"}


HOSTILE = {
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}": "CPU time",
    "{{ 'x' * 10**11 }}": "memory",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "gives no count",
    "{{ raise_exception('no <tools>') }}": "refuses 25 of 25 prompts, the first is row 1 of train: TemplateError: no",
    "{% if %}": "refuses 25 of 25 prompts, the first is row 1 of train: TemplateSyntaxError",
}


@pytest.mark.parametrize("template", HOSTILE)
def test_a_template_that_gives_no_count_is_an_error_at_the_field(template: str, folder: Path) -> None:
    (folder / "model" / "chat_template.jinja").write_text(template, "utf-8")
    (problem,) = refused(folder)
    assert (problem.code, problem.path) == ("TS216", PATH)
    assert HOSTILE[template] in problem.message
    found = linted(folder)
    assert [(p.code, p.severity) for p in found.findings if p.path == PATH] == [("TS216", "error")]
    # A refusal is a relation of spec and rows, and with one of those no rule is asked.
    assert bool(found.checked) == ("refuses" not in problem.message)


def test_rows_that_cannot_be_read_are_told_once_and_the_rest_is_checked(folder: Path) -> None:
    (folder / "val.jsonl").write_text('{"question": null, "answer": "1"}\n', "utf-8")
    assert [p.code for p in refused(folder)] == ["TS612"]
    found = linted(folder)
    assert [p.code for p in found.findings if p.severity == "error"] == ["TS612"]
    assert len(found.checked) > 100


def test_a_tokenizer_that_is_none_is_an_error_at_the_field(folder: Path) -> None:
    (folder / "model" / "tokenizer.json").write_text('{"version": 3}', "utf-8")
    (problem,) = refused(folder)
    assert (problem.code, problem.path) == ("TS216", PATH)


def test_rows_that_the_template_refuses(folder: Path) -> None:
    """verl drops them whatever the limit, so `auto` cannot be had; a share that is reached without them can."""
    refusing = "{% if '?xxx' not in messages[-1].content %}{{ raise_exception('short') }}{% endif %}" + CHATML
    (folder / "model" / "chat_template.jinja").write_text(refusing, "utf-8")
    (problem,) = refused(folder)
    assert problem.message == (
        "the chat template refuses 3 of 25 prompts, the first is row 1 of train: TemplateError: short"
    )
    assert problem.fix == "repair the rows, or quantile: 0.85 to go on without them"
    found = compiled(folder, ("auto", "{quantile: 0.85}"))
    assert "3 of 25 rows do not fit, and verl leaves them out" in found.plan.decisions[PATH].reason
    (note,) = [note for note in found.notes if note.code == "TS215"]
    assert note.message.startswith(
        "3 of 20 rows of train (row 1 is refused: TemplateError: short) do not fit in "
    )
    assert [p.code for p in refused(folder, ("auto", "{quantile: 0.86}"))] == ["TS216"]


def test_rows_that_are_left_out_do_not_make_a_step(folder: Path) -> None:
    check(compiled(folder, TIGHT))
    with pytest.raises(ProblemError) as caught:
        check(compiled(folder, TIGHT, ("batch: 4", "batch: 8")))
    assert [p.code for p in caught.value.problems] == ["TS621"]
    check(compiled(folder, ("batch: 4", "batch: 8")))


def test_an_override_that_keeps_what_was_to_be_left_out_is_refused(folder: Path) -> None:
    overrides = ("algorithm:", "overrides: {data.filter_overlong_prompts: false}\nalgorithm:")
    check(compiled(folder, overrides))
    with pytest.raises(ProblemError) as caught:
        check(compiled(folder, overrides, TIGHT))
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("TS215", "overrides.data.filter_overlong_prompts")
    assert problem.span is not None and problem.span.line == 8


def test_lint_tells_what_is_left_out_and_calls_it_no_fault(folder: Path) -> None:
    compiled(folder, TIGHT)
    (found,) = [p for p in linted(folder).findings if p.path == PATH]
    assert (found.code, found.severity) == ("TS215", "note")


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A line for each time that rows are counted."""
    made: list[str] = []

    def noted(model: Model, *more: Any) -> Lengths:
        made.append(model.template)
        return lengths(model, *more)

    monkeypatch.setattr(prompt_lengths, "lengths", noted)
    return made


def test_variants_with_the_same_prompts_are_counted_once(folder: Path, counts: list[str]) -> None:
    for changes in ((), (("batch: 4", "batch: 2"),), (("512", "1024"),), (TIGHT,), (("0.9.1", "0.7.1"),)):
        compiled(folder, *changes)
    linted(folder)
    assert len(counts) == 2, "train and val"
    compiled(folder, ("Be brief.", "Be very brief."))
    assert len(counts) == 4
    compiled(folder, ("tools.py:add}", "tools.py:add}, more: {python: tools.py:add}"))
    assert len(counts) == 6
    compiled(folder, ("hermes}", "hermes, thinking: false}"))
    assert len(counts) == 8
    write_rows(folder, "train", range(30))
    compiled(folder)
    assert len(counts) == 9, "val is as it was"


def test_nothing_is_counted_for_a_spec_with_errors_or_where_the_number_is_not_asked_for(
    folder: Path, counts: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [p.code for p in refused(folder, ("512}", "512, turns: 1}"))] == ["TS202"]
    (folder / "exp.yaml").write_text(SPEC, "utf-8")
    said(monkeypatch, capsys, "template", "exp.yaml")
    said(monkeypatch, capsys, "doctor", "--spec", "exp.yaml")
    assert not [p for p in findings(folder / "exp.yaml", SPEC) if p.severity == "error"]
    assert migrate(folder / "exp.yaml", "0.8.0").problems == ()
    assert counts == []


def test_an_error_of_lengths_speaks_of_the_number_that_is_counted(folder: Path) -> None:
    number = compiled(folder).plan[PATH]
    (problem,) = refused(folder, ("hermes}", "hermes, max_model_len: 600}"))
    assert problem.code == "TS203"
    assert f"= {number + 512}" in problem.message


OWN = ("hermes}", "hermes, chat_template: own.jinja}")


def test_with_a_template_of_the_runs_own_both_that_see_a_prompt_are_counted(folder: Path) -> None:
    """The dataset of 0.7.1 and 0.8.0 goes by the model's own template, the agent loop by the run's."""
    most = compiled(folder, ("auto", "{margin: 0, multiple: 1}")).plan[PATH]
    (folder / "own.jinja").write_text("{{ tools }}{{ messages[-1].content }}", "utf-8")
    tight = (OWN, ("auto", "{margin: 0, multiple: 1}"))
    newest = compiled(folder, *tight)
    assert newest.plan[PATH] != most
    assert compiled(folder, *tight, ("0.9.1", "0.8.0")).plan[PATH] == max(most, newest.plan[PATH])
    (folder / "own.jinja").write_text("{{ tools }}{{ messages[-1].content * 99 }}", "utf-8")
    longer = compiled(folder, *tight).plan[PATH]
    assert longer > most
    assert compiled(folder, *tight, ("0.9.1", "0.7.1")).plan[PATH] == longer
    (problem,) = refused(folder, OWN, TIGHT, ("0.9.1", "0.7.1"))
    assert (problem.code, problem.path) == ("TS801", f"{PATH}.quantile")
    (folder / "model" / "chat_template.jinja").unlink()
    compiled(folder, OWN)
    (problem,) = refused(folder, OWN, ("0.9.1", "0.7.1"))
    assert (problem.code, problem.path) == ("TS044", PATH)


def test_rows_that_are_warned_of_are_counted_all_the_same(folder: Path) -> None:
    rows = [
        {
            "question": [{"role": "system", "content": "Mine."}, {"role": "user", "content": "?"}],
            "answer": "1",
        }
    ] * 8
    for name in ("train", "val"):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    found = compiled(folder)
    assert "the longest of 16 prompts" in found.plan.decisions[PATH].reason
