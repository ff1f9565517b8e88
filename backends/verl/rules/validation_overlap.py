"""Prompts of the validation rows are among the training rows.

Why: a part of what validation measures is memory.
Source: trainer/ppo/v1/trainer_base.py:710-724 (0.9.1) and _create_dataloader of each release: nothing compares the two
Bad:
    --- val.parquet
    {"data_source": "c", "prompt": [{"role": "user", "content": "5 + 2?"}], "reward_model": {"ground_truth": "7"}}
    {"data_source": "c", "prompt": [{"role": "user", "content": "6 + 2?"}], "reward_model": {"ground_truth": "8"}}
    --- train.parquet
    {"data_source": "c", "prompt": [{"role": "user", "content": "5 + 2?"}], "reward_model": {"ground_truth": "7"}}
    {"data_source": "c", "prompt": [{"role": "user", "content": "7 + 2?"}], "reward_model": {"ground_truth": "9"}}
Good:
    data.val_files=val.parquet
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from toolspec.backends.verl.lint.facts.rows import Rows
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS635", "validation-overlap", "warning")

FEW = 0.01
MEDIA = ("images", "videos", "audios")


def check(view: View) -> Iterator[Found]:
    train, val = view.facts.rows("train"), view.facts.rows("val")
    if {str(file) for file in train.files} & {str(file) for file in val.files}:
        return  # rule validation-on-training
    if any(column in (*train.columns, *val.columns) for column in MEDIA):
        return  # the same words ask about different images
    key = view.text("data.prompt_key")
    known = set(_prompts(train, key))
    prompts = _prompts(val, key)
    again = sum(prompt in known for prompt in prompts)
    if not again:
        return
    yield Found(
        f"{again} of {len(prompts)} validation prompts are training prompts",
        ("data.val_files", "data.train_files", f"dataset:{key}"),
        fix="leave them out of the training rows",
        why="they measure memory",
        severity="note" if again < FEW * len(prompts) else None,
    )


def _prompts(rows: Rows, key: str) -> tuple[str, ...]:
    return rows.once(f"prompts {key}", lambda: tuple(_text(value) for value in rows.values(key) if value))


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = [
            {"role": m.get("role"), "content": m.get("content")} if isinstance(m, dict) else m for m in value
        ]
    return json.dumps(value, sort_keys=True, default=str)
