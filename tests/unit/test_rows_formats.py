"""The same rows come out of every format, however the file is cut into pieces."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolspec.backends.verl.rows import RowSettings, RowSource, convert
from toolspec.backends.verl.rows.json_array import elements

pytestmark = pytest.mark.slow

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
WORDS = TEXT.filter(lambda text: bool(text.strip()))
WHOLE = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SIMPLE = st.sampled_from([TEXT, WHOLE, NUMBERS, st.booleans()])
KEYS = st.sampled_from(["a", "b", "content", "x.y", "é"])


def optional(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: st.none() | value for name, value in fields.items()})


@st.composite
def mapped(draw: st.DrawFn) -> list[dict[str, Any]]:
    answers = draw(st.sampled_from([WORDS, WHOLE, NUMBERS, st.lists(WORDS, min_size=1, max_size=3)]))
    state = optional(draw(st.dictionaries(KEYS, SIMPLE, max_size=3)))
    tools = optional({"sql": state, "calc": state, "other": state})
    message = st.fixed_dictionaries({"role": st.sampled_from(["user", "system"]), "content": WORDS})
    prompts = draw(st.sampled_from([WORDS, st.lists(message, min_size=1, max_size=3)]))
    row = st.fixed_dictionaries({"q": prompts, "a": answers, "tools": st.none() | tools, "level": WHOLE})
    return draw(st.lists(row, min_size=1, max_size=12))


@st.composite
def in_layout(draw: st.DrawFn) -> list[dict[str, Any]]:
    inner = optional(draw(st.dictionaries(KEYS, SIMPLE, max_size=3)))
    parts = draw(st.dictionaries(KEYS, SIMPLE, min_size=1, max_size=2))
    listed = st.lists(
        st.fixed_dictionaries({name: st.none() | part for name, part in parts.items()}), max_size=2
    )
    fields = draw(st.dictionaries(KEYS, SIMPLE | st.just(inner) | st.just(listed), max_size=3))
    sql = st.fixed_dictionaries({"create_kwargs": inner})
    info = optional({**fields, "tools_kwargs": optional({"sql": sql}), "index": WHOLE})
    prompt = st.just([{"role": "user", "content": "?"}])
    row = optional(
        {"extra_info": info, "data_source": WORDS, **draw(st.dictionaries(KEYS, SIMPLE, max_size=2))}
    )
    rows = draw(st.lists(st.tuples(row, prompt), min_size=1, max_size=12))
    return [{"level": number % 3, **row, "prompt": prompt} for number, (row, prompt) in enumerate(rows)]


def write(folder: Path, rows: list[dict[str, Any]], group: int) -> list[Path]:
    text = [json.dumps(row, ensure_ascii=bool(number % 2)) for number, row in enumerate(rows)]
    (folder / "r.jsonl").write_text("\n\n".join(text), encoding="utf-8")
    (folder / "r.json").write_text("\ufeff [" + " ,\n".join(text) + "\n] ", encoding="utf-8")
    names = dict.fromkeys(name for row in rows for name in row)
    table = pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})
    pq.write_table(_storable(table), folder / "r.parquet", row_group_size=group)
    return [folder / name for name in ("r.jsonl", "r.json", "r.parquet")]


def _storable(table: Any) -> Any:
    """Mappings without fields as nulls: parquet cannot hold them."""

    def kind(given: Any) -> Any:
        if pa.types.is_list(given):
            return None if (item := kind(given.value_type)) is None else pa.list_(item)
        if pa.types.is_struct(given):
            fields = [pa.field(f.name, k) for f in given if (k := kind(f.type)) is not None]
            return pa.struct(fields) if fields else None
        return given

    kinds = {field.name: kind(field.type) for field in table.schema}
    empty = pa.nulls(table.num_rows)
    columns = {n: empty if k is None else pa.array(table[n].to_pylist(), k) for n, k in kinds.items()}
    return pa.table(columns)


@settings(max_examples=80, deadline=None)
@given(
    st.one_of(st.tuples(mapped(), st.just(True)), st.tuples(in_layout(), st.just(False))),
    st.booleans(),
    st.integers(1, 5),
    st.integers(1, 9),
)
def test_every_format_gives_the_same_rows(
    drawn: tuple[list[dict[str, Any]], bool], sort: bool, group: int, block: int
) -> None:
    rows, is_mapped = drawn
    columns = {"prompt": "q", "answer": "a", "tools_kwargs": "tools"} if is_mapped else {}
    how = RowSettings(tools=("sql", "calc"), order_by="level" if sort else None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reports = []
        for file in write(folder, rows, group):
            source = RowSource((file,), columns, data_source="d")
            reports.append(convert([source], how, folder / "whole.parquet"))
            with (
                patch("toolspec.backends.verl.rows.json_array._BLOCK", block),
                patch("toolspec.backends.verl.rows.reading._BATCH_ROWS", block),
                patch("toolspec.backends.verl.rows.writing.BATCH_ROWS", block),
                patch("toolspec.backends.verl.rows.writing.GROUP_ROWS", group),
            ):
                reports.append(convert([source], how, folder / "pieces.parquet"))
        assert len({report.logical_hash for report in reports}) == 1
        written = pq.read_table(folder / "pieces.parquet").to_pylist()
        assert written == pq.read_table(folder / "whole.parquet").to_pylist()
        assert len(written) == len(rows)
        for row in written:
            assert all(set(message) == {"role", "content"} for message in row["prompt"])
            states = row["extra_info"]["tools_kwargs"]
            assert set(states) == {"sql", "calc"}
            assert all(state.get("create_kwargs", {}) is not None for state in states.values())


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.dictionaries(TEXT, TEXT | WHOLE | st.lists(NUMBERS)), max_size=6),
    st.integers(1, 40),
    st.data(),
)
def test_a_streamed_array_is_what_json_reads(
    rows: list[dict[str, Any]], block: int, data: st.DataObject
) -> None:
    text = json.dumps(rows, ensure_ascii=False, indent=data.draw(st.sampled_from([None, 1]))).encode("utf-8")
    with patch("toolspec.backends.verl.rows.json_array._BLOCK", block):
        assert list(elements(io.BytesIO(text), float)) == rows
        cut = data.draw(st.integers(1, len(text.rstrip()) - 1))
        with pytest.raises(ValueError):
            list(elements(io.BytesIO(text[:cut]), float))
        with pytest.raises(ValueError):
            list(elements(io.BytesIO(text + b"x"), float))
