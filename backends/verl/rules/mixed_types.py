"""Values of several types under one name.

JSON lines become columns of one type: the data sets library turns the answer "1" into the number 1 where another row
has a number. Several files become one table, which needs the same types in each.

Why: the reward function gets another type than the file has, or the run stops when the files are joined.
Source: utils/dataset/rl_dataset.py _read_files_and_tokenize of each release (concatenate_datasets); datasets 5.2.0 was
run on both
Bad:
    data.train_files=train.jsonl
    --- train.jsonl
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}}
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "3?"}], "reward_model": {"ground_truth": 3}}
Good:
    data.train_files=train.jsonl
    --- train.jsonl
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}}
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "3?"}], "reward_model": {"ground_truth": "3"}}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from toolspec.backends.verl.lint.facts.rows import Rows, rows_at_hand
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS615", "mixed-types", "warning")

READ = ("data_source", "reward_model.ground_truth")
NUMBERS = ("int", "float")


def check(view: View) -> Iterator[Found]:
    for split, rows in rows_at_hand(view):
        yield from _in_rows(view, split, rows)
        yield from _between_files(view, split, rows)


def _in_rows(view: View, split: str, rows: Rows) -> Iterator[Found]:
    if all(file.suffix == ".parquet" for file in rows.files):
        return
    for column in READ:
        types = rows.once(f"types {column}", partial(_counted, rows, column))
        if len({"number" if name in NUMBERS else name for name in types}) < 2:
            continue
        listed = ", ".join(f"{number} {name}" for name, number in types.most_common())
        yield Found(
            f"{rows.files[0].name}: `{column}` has several types: {listed}",
            (f"dataset:{column}", f"data.{split}_files"),
            fix="one type in every row",
            why="the rows become one column, and its values another type than was written",
            span=view.span(f"data.{split}_files"),
        )


def _counted(rows: Rows, column: str) -> Counter[str]:
    return Counter(type(value).__name__ for value in rows.values(column) if value is not None)


def _between_files(view: View, split: str, rows: Rows) -> Iterator[Found]:
    files = [file for file in rows.files if file.suffix == ".parquet"]
    if len(files) < 2:
        return
    first = _types(files[0])
    for file in files[1:]:
        other = _types(file)
        for name in first.keys() & other.keys():
            if first[name] != other[name] and "null" not in (first[name], other[name]):
                yield Found(
                    f"`{name}` is {first[name]} in {files[0].name} and {other[name]} in {file.name}",
                    (f"dataset:{name}", f"data.{split}_files"),
                    fix="write the files with one schema",
                    why="verl joins the files and stops at the first column that differs",
                    span=view.span(f"data.{split}_files"),
                    severity="error",
                )


def _types(file: Path) -> dict[str, str]:
    """Column → plain type; nested ones are left out, whose parts may differ where they are null."""
    from pyarrow import parquet, types

    schema = parquet.read_schema(file)
    return {
        field.name: str(field.type).removeprefix("large_")
        for field in schema
        if not types.is_nested(field.type) and not types.is_dictionary(field.type)
    }
