"""Rows without a right answer.

`reward_model.ground_truth` is null or empty: the reward function gets it as it is.

Why: no answer to such a row is right, and its group of trajectories teaches nothing.
Source: experimental/reward_loop/reward_manager/naive.py:43 of each release
Bad:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}}
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "3?"}], "reward_model": {"ground_truth": ""}}
Good:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "2?"}], "reward_model": {"ground_truth": "2"}}
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "3?"}], "reward_model": {"ground_truth": "3"}}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MANAGER
from toolspec.backends.verl.lint.facts.reward import reads_rows
from toolspec.backends.verl.lint.facts.rows import rows_at_hand
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS619", "no-answer", "warning")


def check(view: View) -> Iterator[Found]:
    if not reads_rows(view) or view.value(f"{MANAGER}.source") != "register":
        return
    if not _reads_answer(view):
        return
    for split, rows in rows_at_hand(view):
        models = [value for value in rows.values("reward_model") if isinstance(value, dict)]
        empty = sum(
            "ground_truth" in model and model["ground_truth"] in (None, "", [], {}) for model in models
        )
        if empty:
            yield Found(
                f"{rows.files[0].name}: reward_model.ground_truth is null or empty in {empty} of {len(models)} rows",
                ("dataset:reward_model", f"data.{split}_files"),
                fix="leave these rows out",
                why="no answer to them is right",
                span=view.span(f"data.{split}_files"),
            )


def _reads_answer(view: View) -> bool:
    """Whether the reward looks at ground_truth at all, as far as its source is at hand."""
    try:
        function = view.facts.reward()
    except NotKnownError:
        return True
    return function is None or function.mentions("ground_truth")
