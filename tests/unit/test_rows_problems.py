"""Rows that cannot be written: every kind is told with its rows, and no file is left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolspec.backends.verl.rows import RowSettings, RowSource, convert
from toolspec.backends.verl.rows.findings import MOST
from toolspec.specs.problem import Problem, ProblemError

QA = {"prompt": "q", "answer": "a"}
GOOD = {"q": "x", "a": "1"}


def refused(tmp_path: Path, source: RowSource, settings: RowSettings | None = None) -> tuple[Problem, ...]:
    out = tmp_path / "out" / "rows.parquet"
    with pytest.raises(ProblemError) as caught:
        convert([source], settings or RowSettings(), out)
    assert not out.parent.exists() or not list(out.parent.iterdir())
    assert all(problem.path.startswith("data") for problem in caught.value.problems)
    return caught.value.problems


def of_rows(tmp_path: Path, rows: list[Any], columns: dict[str, str] = QA, **more: Any) -> list[str]:
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    problems = refused(tmp_path, RowSource((file,), columns), RowSettings(**more))
    return [f"{problem.name}: {problem.message}" for problem in problems]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"q": "", "a": "1"}, "row-value: a.jsonl, line 2: `q` is empty"),
        ({"q": " \n", "a": "1"}, "row-value: a.jsonl, line 2: `q` is empty"),
        ({"q": None, "a": "1"}, "row-value: a.jsonl, line 2: `q` is null"),
        ({"q": 3, "a": "1"}, "row-value: a.jsonl, line 2: `q` is a whole number"),
        ({"q": [], "a": "1"}, "row-value: a.jsonl, line 2: `q` has no messages"),
        ({"q": ["x"], "a": "1"}, "row-value: a.jsonl, line 2: `q[0]` is text"),
        (
            {"q": [{"from": "human", "value": "x"}], "a": "1"},
            "row-value: a.jsonl, line 2: `q[0]` has no `role` (it has `from`, `value`)",
        ),
        (
            {"q": [{"role": "user", "content": "x", "tool_calls": [{}]}], "a": "1"},
            "row-value: a.jsonl, line 2: `q[0]` has `tool_calls` beside role and content",
        ),
        (
            {"q": [{"role": "user", "content": [{"type": "image"}]}], "a": "1"},
            "row-value: a.jsonl, line 2: `q[0].content` is a list of parts",
        ),
        ({"q": "x\ud800", "a": "1"}, "row-value: a.jsonl, line 2: `q` holds half of a surrogate pair"),
        ({"q": "x", "a": None}, "row-value: a.jsonl, line 2: `a` is null"),
        ({"q": "x", "a": ""}, "row-value: a.jsonl, line 2: `a` is empty"),
        ({"q": "x", "a": True}, "row-value: a.jsonl, line 2: `a` is true"),
        ({"q": "x", "a": {"b": 1}}, "row-value: a.jsonl, line 2: `a` is a mapping"),
        ({"q": "x", "a": []}, "row-value: a.jsonl, line 2: `a` is a list of no answers"),
        ({"q": "x", "a": ["1", None]}, "row-value: a.jsonl, line 2: `a[1]` is null"),
        ({"q": "x"}, "missing-column: a.jsonl, line 2: there is no column `a`"),
        ({"q": "x", "A": "1"}, "missing-column: a.jsonl, line 2: there is no column `a`; nearest: `A`"),
        (["x"], "not-json: a.jsonl, line 2: a row is an object"),
        (float("nan"), "not-json: a.jsonl, line 2: not JSON: NaN is not JSON"),
        ({"q": "x", "a": float("inf")}, "not-json: a.jsonl, line 2: not JSON: Infinity is not JSON"),
    ],
)
def test_one_bad_row(tmp_path: Path, row: Any, said: str) -> None:
    (message,) = of_rows(tmp_path, [GOOD, row, GOOD])
    assert message.startswith(said)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"q": "x", "a": "1"', "not JSON: Expecting ',' delimiter at character"),
        (b'{"q": "x", "a": "\xff"}', "byte 18 is 0xff, which is not UTF-8"),
        (b"[" * 200_000, "not JSON: nested too deep"),
        (b'{"a": 1' + b"0" * 6000 + b"}", "not JSON: Exceeds the limit"),
    ],
)
def test_one_bad_line(tmp_path: Path, line: bytes, said: str) -> None:
    good = json.dumps(GOOD).encode()
    (tmp_path / "a.jsonl").write_bytes(b"\n\n".join([good, line, good]))
    (problem,) = refused(tmp_path, RowSource((tmp_path / "a.jsonl",), QA))
    assert problem.message.startswith(f"a.jsonl, line 3: {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"q": "x", "a": "1"} {"q": "x"}]', "a.json, row 2: not JSON: a comma is missing before '{'"),
        ('[{"q": "x", "a": "1"},]', "a.json, row 2: not JSON: a row starts with ']'"),
        (
            '[{"q": "x", "a": "1"}, {"q": ?}]',
            "a.json, row 2: not JSON: Expecting value at character 7 of the row",
        ),
        ('[{"q": "x", "a": "1"}', "a.json, row 2: not JSON: the array does not end"),
        ('[{"q": "x", "a": "1"}]]', "a.json, row 2: not JSON: something follows the end of the array"),
        ('{"data": [\n{"q": "x"}]}', "a.json, line 1: not JSON"),
        ("[]", "there are no rows in a.json"),
        ("", "there are no rows in a.json"),
    ],
)
def test_a_bad_array(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.json").write_text(text)
    problems = refused(tmp_path, RowSource((tmp_path / "a.json",), QA))
    assert any(problem.message.startswith(said) for problem in problems), problems


def test_rows_with_the_same_fault_are_one_problem(tmp_path: Path) -> None:
    rows = [{"q": "", "a": "1"} if number % 2 else {"q": "x", "a": None} for number in range(40)]
    first, second = of_rows(tmp_path, rows)
    assert first == "row-value: a.jsonl, lines 1, 3, 5, 7, 9 and 15 more: `a` is null"
    assert second == "row-value: a.jsonl, lines 2, 4, 6, 8, 10 and 15 more: `q` is empty"


def test_no_more_than_the_first_kinds_are_told(tmp_path: Path) -> None:
    rows = [
        {"prompt": "x", "extra_info": {f"k{number}": value}} for number in range(50) for value in (1, "1")
    ]
    assert len(of_rows(tmp_path, rows, {})) == MOST


def test_many_warnings_do_not_hide_an_error(tmp_path: Path) -> None:
    rows = [
        {"prompt": "x", "extra_info": {"tools_kwargs": {f"t{number}": {"a": 1}}}}
        for number in range(3 * MOST)
    ]
    (message,) = of_rows(tmp_path, [*rows, {"prompt": None}], {}, tools=("calc",))
    assert "`prompt` is null" in message


def test_types_that_no_column_can_hold_together(tmp_path: Path) -> None:
    rows = [{"prompt": "x", "extra_info": {"level": level}} for level in (None, 1, 2.5, "hard")]
    (message,) = of_rows(tmp_path, rows, {})
    assert (
        message
        == "mixed-types: a.jsonl, line 4: `extra_info.level` is text, but a number in line 2 of a.jsonl"
    )


def test_a_mapping_with_a_key_for_every_row(tmp_path: Path) -> None:
    rows = [{"prompt": "x", "extra_info": {"by_id": {f"id{number}": 1}}} for number in range(1200)]
    (message,) = of_rows(tmp_path, rows, {})
    assert "lines 1,001, 1,002, 1,003, 1,004, 1,005 and 195 more" in message
    assert "`extra_info.by_id` has more than 1,000 keys" in message


def test_nesting_has_an_end(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(60):
        deep = {"a": deep}
    (message,) = of_rows(tmp_path, [{"prompt": "x", "extra_info": deep}], {})
    assert "is nested deeper than 32" in message


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([1, "a"], "mixed-types: a.jsonl, line 2: `k` is text, but numbers are in line 1 of a.jsonl"),
        ([1, None], "row-value: a.jsonl, line 2: `k` is null"),
        ([1, [2]], "row-value: a.jsonl, line 2: `k` is a list, which has no order"),
    ],
)
def test_keys_that_have_no_order(tmp_path: Path, keys: list[Any], said: str) -> None:
    (message,) = of_rows(tmp_path, [{**GOOD, "k": key} for key in keys], order_by="k")
    assert message == said


def test_tool_state_that_is_missing_or_no_state(tmp_path: Path) -> None:
    per_row = {"sql": {"db": "db"}}
    messages = of_rows(tmp_path, [{**GOOD, "db": None}, GOOD], tools=("sql",), per_row=per_row)
    assert "`db` is null" in messages[0] and "there is no column `db`" in messages[1]
    columns = {**QA, "tools_kwargs": "state"}
    states = ["{", 3, {"sql": 3}, {"sql": {"create_kwargs": "x"}}]
    messages = of_rows(tmp_path, [{**GOOD, "state": state} for state in states], columns, tools=("sql",))
    assert [message.split(": ", 2)[2] for message in messages] == [
        "`state` is text, but not JSON",
        "`state` is a whole number",
        "`state.sql` is a whole number",
        "`state.sql.create_kwargs` is text",
    ]


def test_a_missing_parquet_column_is_told_once_with_the_nearest(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": ["x"] * 5, "id": [1] * 5}), tmp_path / "a.parquet")
    source = RowSource((tmp_path / "a.parquet",), {"prompt": "qestion", "answer": "id"})
    settings = RowSettings(tools=("sql",), per_row={"sql": {"db": "db"}}, order_by="level")
    messages = [f"{problem.message} | {problem.fix}" for problem in refused(tmp_path, source, settings)]
    assert messages == [
        f"a.parquet has no column {said}"
        for said in (
            "`qestion`; nearest: `question` (it has `question`, `id`) | columns.prompt: question",
            "`db` (it has `question`, `id`) | tools.sql.per_row.db: one of these",
            "`level` (it has `question`, `id`) | order.by: one of these",
        )
    ]


def test_a_parquet_file_that_is_none_or_holds_bad_text(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not really PAR1")
    (problem,) = refused(tmp_path, RowSource((tmp_path / "a.parquet",), QA))
    assert problem.name == "unreadable-rows"
    bad = pa.array([b"x", b"\xff", b"y"]).view(pa.string())
    pq.write_table(pa.table({"q": bad, "a": ["1"] * 3}), tmp_path / "a.parquet")
    (problem,) = refused(tmp_path, RowSource((tmp_path / "a.parquet",), QA))
    assert problem.message == "a.parquet, row 2: holds text that is not UTF-8"
    table = pa.table({"q": ["x"] * 2, "a": [1.0, float("nan")]})
    pq.write_table(table, tmp_path / "a.parquet")
    (problem,) = refused(tmp_path, RowSource((tmp_path / "a.parquet",), QA))
    assert problem.message == "a.parquet, row 2: `a` is nan"


def test_a_named_set_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n\n")
    source = RowSource((tmp_path / "a.jsonl",), QA, split="val", name="aime")
    (problem,) = refused(tmp_path, source)
    assert (problem.message, problem.path) == ("there are no rows in a.jsonl", "data.val.aime")


def test_a_file_that_changes_meanwhile_leaves_the_old_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = tmp_path / "a.jsonl", tmp_path / "out" / "rows.parquet"
    file.write_text((json.dumps(GOOD) + "\n") * 100)
    source = RowSource((file,), QA)
    convert([source], RowSettings(), out)
    before = out.read_bytes()
    from toolspec.backends.verl.rows.survey import Survey

    schema = Survey.schema

    def change(survey: Survey) -> Any:
        file.write_text(json.dumps({"q": "x", "a": ["2"]}) + "\n")
        return schema(survey)

    monkeypatch.setattr(Survey, "schema", change)
    for order in (None, "q"):
        file.write_text((json.dumps(GOOD) + "\n") * 100)
        with pytest.raises(ProblemError):
            convert([source], RowSettings(order_by=order), out)
        assert [found.name for found in out.parent.iterdir()] == ["rows.parquet"]
        assert out.read_bytes() == before


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(GOOD))
    (tmp_path / "taken").touch()
    with pytest.raises(ProblemError, match=r"cannot write rows\.parquet"):
        convert([RowSource((tmp_path / "a.jsonl",), QA)], RowSettings(), tmp_path / "taken" / "rows.parquet")
