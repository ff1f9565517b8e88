from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolspec.compiler.facts import row_pattern
from toolspec.compiler.facts.row_files import columns, content_hash, looks_like_verl, row_files, schema
from toolspec.specs.problem import ProblemError, Span

SPAN = Span("exp.yaml", 3, 9)


def refused(pattern: str, base: Path) -> str:
    with pytest.raises(ProblemError) as caught:
        row_files(pattern, base, SPAN)
    (problem,) = caught.value.problems
    assert problem.span == SPAN
    return f"{problem.message} | {problem.fix}"


def test_a_pattern_means_sorted_absolute_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path / "with [brackets]"
    (base / "data" / "more").mkdir(parents=True)
    for name in ("b.parquet", "a.parquet", "more/c.parquet", "notes.txt", ".hidden.parquet", "x[1].jsonl"):
        (base / "data" / name).touch()
    names = [file.relative_to(base).as_posix() for file in row_files("data/*.parquet", base).files]
    assert names == ["data/a.parquet", "data/b.parquet"]
    deep = row_files("data/**/*.parquet", base)
    assert [file.name for file in deep.files] == ["a.parquet", "b.parquet", "c.parquet"]
    assert deep.format == "parquet" and all(file.is_absolute() for file in deep.files)
    literal = row_files("data/x[1].jsonl", base)
    assert [file.name for file in literal.files] == ["x[1].jsonl"] and literal.format == "jsonl"
    monkeypatch.setenv("HOME", str(base))
    assert row_files("~/data/a.parquet", tmp_path).files == (base / "data/a.parquet",)
    assert row_files(str(base / "data/a.parquet"), tmp_path).exists


def test_what_is_not_at_hand_is_told_apart(tmp_path: Path) -> None:
    absent = row_files("train.parquet", tmp_path)
    assert (absent.exists, absent.remote, absent.format) == (False, False, "parquet")
    remote = row_files("hdfs://cluster/train.jsonl", tmp_path)
    assert (remote.exists, remote.remote, remote.format) == (False, True, "jsonl")
    assert row_files("*.parquet", tmp_path).files == ()


def test_what_no_row_can_come_from_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a.json", "a.parquet", "a.csv"):
        (tmp_path / "data" / name).touch()
    assert "cannot read data: it is a folder | name the files: data/*.parquet" in refused("data", tmp_path)
    assert "ends in .csv" in refused("data/a.csv", tmp_path)
    assert "ends in nothing" in refused("cutthebill", tmp_path)
    assert "json and parquet files" in refused("data/a.[jp]*", tmp_path)
    assert "no file name" in refused("a\0.parquet", tmp_path)


def test_the_hash_is_of_content_alone(tmp_path: Path) -> None:
    def files(*contents: str) -> list[Path]:
        made = []
        for number, content in enumerate(contents):
            made.append(tmp_path / f"{len(list(tmp_path.iterdir()))}-{number}.jsonl")
            made[-1].write_text(content)
        return made

    assert content_hash(files("ab", "c")) == content_hash(files("ab", "c"))
    assert content_hash(files("ab", "c")) != content_hash(files("a", "bc"))
    assert content_hash(files("ab", "c")) != content_hash(files("c", "ab"))
    with pytest.raises(ProblemError):
        content_hash([tmp_path / "absent.jsonl"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '\ufeff{"q": "x", "a": {"b": "]"}}\n{"q": 1}\n'),
        ("a.jsonl", '\n\n  {"q": "x", "a": 1}'),
        ("a.json", '[\n  {"q": "x", "a": 1},\n  {"q": 2}\n]\n'),
        ("a.json", json.dumps([{"q": "é" * 70_000, "a": 1}] * 3, ensure_ascii=False)),
        ("a.json", '{"q": "x", "a": 1}\n{"q": "x", "a": 2}\n'),
    ],
)
def test_columns_of_the_first_row(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert columns(tmp_path / name) == ("q", "a")


@pytest.mark.parametrize("content", ["", "\n", "[]", " [ ]\n"])
def test_a_file_without_rows_has_no_columns(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert columns(tmp_path / "a.json") == ()


@pytest.mark.parametrize(
    "content", [b"{", b'[{"a": 1', b"[1]", b"\xff\xfe", b'{"a": "\xff"}', b"[" * 100_000, b"[1 2"]
)
def test_a_head_that_is_not_rows_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    (tmp_path / "a.parquet").write_bytes(content)
    for name in ("a.json", "a.parquet"):
        with pytest.raises(ProblemError):
            columns(tmp_path / name)


def test_verl_layout_is_told_by_the_prompt(tmp_path: Path) -> None:
    def looks(prompt: object) -> bool:
        pq.write_table(pa.Table.from_pylist([{"prompt": prompt, "x": 1}]), tmp_path / "a.parquet")
        assert columns(tmp_path / "a.parquet") == ("prompt", "x")
        return looks_like_verl(schema(tmp_path / "a.parquet"))

    assert looks([{"role": "user", "content": "x"}])
    assert not looks("x")
    assert not looks(["x"])
    assert not looks([{"from": "user", "value": "x"}])
    assert not looks([{"role": "user", "content": ["x"]}])
    assert not looks_like_verl(pa.schema([("question", pa.string())]))


def test_a_glob_ends_whatever_lies_in_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "more").mkdir(parents=True)
    (tmp_path / "data" / "more" / "a.jsonl").touch()
    for name in ("one", "two", "three"):  # followed, these would be 3^40 folders
        (tmp_path / "data" / name).symlink_to(".")
    (tmp_path / "data" / "circle.jsonl").symlink_to("circle.jsonl")
    os.mkfifo(tmp_path / "data" / "pipe.jsonl")
    found = row_files("**/**/*.jsonl", tmp_path).files
    assert [file.relative_to(tmp_path).as_posix() for file in found] == ["data/more/a.jsonl"]
    assert row_files("data/one/more/*.jsonl", tmp_path).exists  # a link that is named is followed
    assert row_files("data/**", tmp_path / ".").files == found
    assert "leads back to itself" in refused("data/circle.jsonl", tmp_path)
    assert "it is a pipe" in refused("data/pipe.jsonl", tmp_path)
    monkeypatch.setattr(row_pattern, "MAX_ENTRIES", 5)
    assert "more than 5 files and folders lie in its way" in refused("**/*.jsonl", tmp_path)
    monkeypatch.setattr(row_pattern, "MAX_FILES", 0)
    assert "matches more than 0 files" in refused("data/more/*.jsonl", tmp_path)
