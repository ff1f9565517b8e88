"""A data file without rows.

Why: the run stops when it makes its data loaders: the data sets library refuses an empty parquet or JSON file.
Source: utils/dataset/rl_dataset.py _read_files_and_tokenize of each release; datasets 5.2.0 was run
(DatasetGenerationError for parquet, StopIteration for JSON lines)
Bad:
    data.train_files=empty.jsonl
    --- empty.jsonl

Good:
    data.train_files=train.parquet
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.rows import rows_at_hand
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS614", "no-rows", "error")


def check(view: View) -> Iterator[Found]:
    for split, rows in rows_at_hand(view):
        if rows.count == 0:
            yield Found(
                f"{rows.files[0].name} has no rows",
                (f"data.{split}_files", "dataset:rows"),
                why="verl stops when it makes its data loaders",
            )
