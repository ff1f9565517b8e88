from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolspec.backends.verl.rows import RowSettings, RowSource, RowsReport, convert

QA = {"prompt": "q", "answer": "a"}


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def converted(
    tmp_path: Path, sources: list[RowSource], settings: RowSettings | None = None
) -> tuple[list[dict[str, Any]], RowsReport]:
    out = tmp_path / "out" / "rows.parquet"
    report = convert(sources, settings or RowSettings(), out)
    assert [file.name for file in out.parent.iterdir()] == ["rows.parquet"]
    rows = pq.read_table(out).to_pylist()
    assert report.rows == len(rows)
    return rows, report


def one(
    tmp_path: Path, row: Mapping[str, Any], columns: Mapping[str, str], settings: RowSettings
) -> dict[str, Any]:
    rows, _ = converted(tmp_path, [RowSource((lines(tmp_path / "one.jsonl", row),), columns)], settings)
    return rows[0]


def test_a_mapped_row_is_written_in_verls_layout(tmp_path: Path) -> None:
    row = {"q": "1+1?", "a": "2", "db": "books", "id": 7}
    settings = RowSettings(tools=("calc", "sql"), per_row={"sql": {"db_id": "db"}}, system="Be brief.")
    source = RowSource((lines(tmp_path / "sums.jsonl", row),), QA)
    (written,), report = converted(tmp_path, [source], settings)
    assert written == {
        "data_source": "sums",
        "agent_name": "tool_agent",
        "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}],
        "reward_model": {"style": "rule", "ground_truth": "2"},
        "extra_info": {
            "split": "train",
            "index": 0,
            "repeat": 0,
            "need_tools_kwargs": True,
            "tools_kwargs": {"calc": {"stateless": True}, "sql": {"create_kwargs": {"db_id": "books"}}},
        },
    }
    assert report.columns_left_out == ("id",)
    assert report.data_sources == {"sums": 1}
    assert report.problems == ()


def test_rows_in_verls_layout_pass_through_with_every_tool(tmp_path: Path) -> None:
    def row(kwargs: Any, **more: Any) -> dict[str, Any]:
        info = {"split": "test", "index": 40, "level": 3, "tools_kwargs": kwargs}
        prompt = [{"role": "user", "content": "x"}]
        truth = {"style": "model", "ground_truth": {"target": ["a", "b"]}}
        return {
            "data_source": "nq",
            "prompt": prompt,
            "reward_model": truth,
            "extra_info": info,
            "ability": "qa",
            **more,
        }

    rows = [
        row({"search": {"create_kwargs": {"k": 3}}}, agent_name="other"),
        row({"old": {"create_kwargs": {"z": 1}}, "search": None}),
        row(None),
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    source = RowSource((tmp_path / "a.parquet",), split="val")
    written, report = converted(tmp_path, [source], RowSettings(tools=("search", "calc")))
    for number, (new, k) in enumerate(zip(written, (3, None, None), strict=True)):
        assert new["extra_info"] == {
            "split": "val",
            "index": number,
            "repeat": 0,
            "need_tools_kwargs": True,
            "source_split": "test",
            "source_index": 40,
            "level": 3,
            "tools_kwargs": {"calc": {"stateless": True}, "search": {"create_kwargs": {"k": k}}},
        }
        assert (new["agent_name"], new["data_source"], new["ability"]) == ("tool_agent", "nq", "qa")
        assert new["reward_model"] == {"style": "model", "ground_truth": {"target": ["a", "b"]}}
    messages = [problem.message for problem in report.problems]
    assert any("`extra_info.tools_kwargs.old` is left out" in message for message in messages)
    assert any("search.k` is missing in 2 rows" in m.replace("create_kwargs.", "") for m in messages)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (42, "42"),
        (42.0, "42"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-7, "1e-07"),
        (2.0**53, "9007199254740992"),
        (1e300, "1e+300"),
        (9007199254740993, "9007199254740993"),
        (" 42 ", " 42 "),
        (["Paris", 75], ["Paris", "75"]),
    ],
)
def test_an_answer_is_its_text(tmp_path: Path, value: Any, text: Any) -> None:
    assert one(tmp_path, {"q": "x", "a": value}, QA, RowSettings())["reward_model"]["ground_truth"] == text


def test_answers_of_narrow_arrow_types(tmp_path: Path) -> None:
    from decimal import Decimal

    kinds = {"float32": pa.array([0.1], pa.float32()), "decimal": pa.array([Decimal("1.50")])}
    kinds["dictionary"] = pa.array(["yes"]).dictionary_encode()
    for name, values in kinds.items():
        pq.write_table(pa.table({"q": ["x"], "a": values}), tmp_path / f"{name}.parquet")
    sources = [RowSource((tmp_path / f"{name}.parquet",), QA) for name in kinds]
    rows, _ = converted(tmp_path, sources)
    assert [row["reward_model"]["ground_truth"] for row in rows] == ["0.1", "1.5", "yes"]


def test_one_list_of_answers_makes_all_of_them_lists(tmp_path: Path) -> None:
    single = RowSource((lines(tmp_path / "a.jsonl", {"q": "x", "a": "1"}),), QA)
    several = RowSource((lines(tmp_path / "b.jsonl", {"q": "x", "a": ["1", "one"]}),), QA)
    rows, report = converted(tmp_path, [single, several])
    assert [row["reward_model"]["ground_truth"] for row in rows] == [["1"], ["1", "one"]]
    assert report.answers_are_lists and [p.name for p in report.problems] == ["row-choice"]
    rows, report = converted(tmp_path, [single])
    assert rows[0]["reward_model"]["ground_truth"] == "1" and not report.answers_are_lists


def test_which_system_message_wins(tmp_path: Path) -> None:
    own = [{"role": "system", "content": "own"}, {"role": "user", "content": "x"}]
    plain = [{"role": "user", "content": "x"}]
    file = lines(
        tmp_path / "a.jsonl", *({"q": q, "a": "1", "s": s} for q in (own, plain) for s in ("row", None, " "))
    )
    source = RowSource((file,), {**QA, "system": "s"})
    rows, report = converted(tmp_path, [source], RowSettings(system="spec"))
    assert [row["prompt"][0]["content"] for row in rows] == ["own", "own", "own", "row", "spec", "spec"]
    assert all([message["role"] for message in row["prompt"]] == ["system", "user"] for row in rows)
    column, spec = (problem.message for problem in report.problems)
    assert "line 1:" in column and "wins over the column `s`" in column
    assert "lines 2 and 3:" in spec and "wins over `data.system`" in spec


def test_the_name_of_the_data_source(tmp_path: Path) -> None:
    file = lines(tmp_path / "stem.jsonl", {"q": "x", "a": "1", "src": "column", "data_source": "own"})
    mapped = {**QA, "data_source": "src"}
    cases = [
        (RowSource((file,), mapped, data_source="given", split="val", name="set"), "column"),
        (RowSource((file,), QA, data_source="given", split="val", name="set"), "given"),
        (RowSource((file,), QA, split="val", name="set"), "set"),
        (RowSource((file,), QA), "own"),
        (RowSource((lines(tmp_path / "bare.jsonl", {"q": "x", "a": "1"}),), QA), "bare"),
    ]
    for source, name in cases:
        rows, report = converted(tmp_path, [source])
        assert rows[0]["data_source"] == name and report.data_sources == {name: 1}
        assert bool(report.problems) == (name == "column")  # a named set that is reported under other names


STATE = {"sql": {"db": "books", "limit": 3}}


@pytest.mark.parametrize(
    "value",
    [
        STATE,
        {**STATE, "calc": {}},
        {"sql": {"create_kwargs": STATE["sql"]}, "calc": None},
        json.dumps(STATE),
        json.dumps({"sql": {"create_kwargs": STATE["sql"], "release_kwargs": None}}),
    ],
)
def test_forms_of_a_tools_kwargs_column(tmp_path: Path, value: Any) -> None:
    columns = {**QA, "tools_kwargs": "state"}
    row = one(tmp_path, {"q": "x", "a": "1", "state": value}, columns, RowSettings(tools=("sql", "calc")))
    expected = {"sql": {"create_kwargs": STATE["sql"]}, "calc": {"stateless": True}}
    assert row["extra_info"]["tools_kwargs"] == expected


def test_a_map_column_is_a_mapping(tmp_path: Path) -> None:
    kind = pa.map_(pa.string(), pa.map_(pa.string(), pa.string()))
    state = pa.array([[("sql", [("db", "books")])], [("calc", [])], None], kind)
    table = pa.table({"q": ["x"] * 3, "a": ["1"] * 3, "state": state})
    pq.write_table(table, tmp_path / "a.parquet")
    source = RowSource((tmp_path / "a.parquet",), {**QA, "tools_kwargs": "state"})
    rows, _ = converted(tmp_path, [source], RowSettings(tools=("sql", "calc")))
    assert [row["extra_info"]["tools_kwargs"]["sql"] for row in rows] == [
        {"create_kwargs": {"db": db}} for db in ("books", None, None)
    ]


def test_sorting_keeps_ties_in_file_order_and_the_row_numbers(tmp_path: Path) -> None:
    levels = [3, 1, 2.5, 1, 3, 1] * 400
    first = lines(
        tmp_path / "a.jsonl", *({"q": "x", "a": n, "level": level} for n, level in enumerate(levels))
    )
    second = lines(tmp_path / "b.jsonl", {"q": "x", "a": "last", "level": 0})
    sources = [RowSource((first,), QA), RowSource((second,), QA, repeat=2)]
    rows, report = converted(tmp_path, sources, RowSettings(order_by="level"))
    expected = sorted(range(len(levels)), key=levels.__getitem__)
    indexes = [row["extra_info"]["index"] for row in rows]
    assert indexes == [len(levels), len(levels), *expected]
    assert [row["reward_model"]["ground_truth"] for row in rows[2:]] == [str(n) for n in expected]
    assert [row["extra_info"]["repeat"] for row in rows[:3]] == [0, 1, 0]
    assert report.columns_left_out == ()


@pytest.mark.slow
def test_sorting_in_pieces_is_sorting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = lines(tmp_path / "a.jsonl", *({"q": "x", "a": "1", "d": (n * 7919) % 5000} for n in range(5000)))
    source, settings = RowSource((file,), QA), RowSettings(order_by="d")
    _, whole = converted(tmp_path, [source], settings)
    monkeypatch.setattr("toolspec.backends.verl.rows.sorting._PIECE_BYTES", 1)
    rows, pieces = converted(tmp_path, [source], settings)
    assert pieces.logical_hash == whole.logical_hash
    assert [(row["extra_info"]["index"] * 7919) % 5000 for row in rows] == list(range(5000))


def test_dates_sort_and_dates_in_extra_info_are_text(tmp_path: Path) -> None:
    days = [datetime.date(2024, 5, day) for day in (3, 1, 2)]
    info = [{"made": day, "empty": None} for day in days]
    prompt = [[{"role": "user", "content": "x"}]] * 3
    table = pa.table({"prompt": prompt, "day": pa.array(days), "extra_info": pa.array(info)})
    pq.write_table(table, tmp_path / "a.parquet")
    rows, report = converted(tmp_path, [RowSource((tmp_path / "a.parquet",))], RowSettings(order_by="day"))
    assert [row["extra_info"]["made"] for row in rows] == ["2024-05-01", "2024-05-02", "2024-05-03"]
    assert "empty" not in rows[0]["extra_info"]
    assert [problem.name for problem in report.problems] == ["no-answer"]


def test_what_parquet_cannot_hold_is_left_out_or_null(tmp_path: Path) -> None:
    info: dict[str, Any] = {
        "a": [{}],
        "b": {},
        "c": [],
        "d": [[]],
        "e": {"f": {}},
        "g": None,
        "h": [None],
        "tools_kwargs": {},
    }
    row = one(tmp_path, {"prompt": "x", "extra_info": info}, {}, RowSettings(tools=("calc",)))
    given = {name: value for name, value in row["extra_info"].items() if name in info}
    assert given == {
        "a": [None],
        "c": [],
        "d": [[]],
        "h": [None],
        "tools_kwargs": {"calc": {"stateless": True}},
    }


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    rows = [{"q": f"{n}?", "a": n} for n in range(3000)]
    source = RowSource((lines(tmp_path / "a.jsonl", *rows),), QA)
    convert([source], RowSettings(), tmp_path / "1.parquet")
    convert([source], RowSettings(), tmp_path / "2.parquet")
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
