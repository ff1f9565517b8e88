"""Rows lack a column that verl reads.

The prompt is the column `data.prompt_key`. The reward managers read `data_source`, by this name whatever
`data.reward_fn_key` says, and `reward_model`.

Why: without the prompt every row fails, or is dropped by filter_overlong_prompts without a word; without the others
every score is a KeyError.
Source: utils/dataset/rl_dataset.py _build_messages (0.7.1: :304, 0.8.0 and 0.9.1: :313) and doc2len; reward_manager/
{naive,dapo,gdpo,limited,remote}.py run_single; verl issues 283 and 758
Bad:
    data.prompt_key=question
Good:
    data.prompt_key=prompt
Bad:
    data.reward_fn_key=source
    --- train.parquet
    {"source": "calculator", "prompt": [{"role": "user", "content": "2 + 2?"}], "reward_model": {"ground_truth": "4"}}
Bad:
    --- train.parquet
    {"data_source": "calculator", "prompt": [{"role": "user", "content": "2 + 2?"}], "answer": "4"}
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import MANAGER
from toolspec.backends.verl.lint.facts.reward import reads_rows
from toolspec.backends.verl.lint.facts.rows import Rows
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS611", "missing-column", "error")

LIKELY = ("messages", "prompt", "conversations", "chat")


def check(view: View) -> Iterator[Found]:
    unknown: NotKnownError | None = None
    for split in ("train", "val"):
        try:
            yield from _of(view, split, view.facts.rows(split))
        except NotKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def _of(view: View, split: str, rows: Rows) -> Iterator[Found]:
    if not rows.count:
        return  # rule no-rows
    files, has = f"data.{split}_files", rows.names
    listed = ", ".join(has[:10])
    prompt = view.text("data.prompt_key")
    if prompt not in has:
        close = next((name for name in LIKELY if name in has), None)
        yield Found(
            f"{rows.files[0].name} has no column `{prompt}`; it has {listed}",
            (f"dataset:{prompt}", "data.prompt_key", files, *((f"dataset:{close}",) if close else ())),
            fix=f"data.prompt_key={close}"
            if close
            else f"write a column `{prompt}` of {{role, content}} messages",
            why="every row fails, or is dropped by filter_overlong_prompts until none is left",
            span=view.span("data.prompt_key", files),
        )
    if not reads_rows(view) or view.value(f"{MANAGER}.source") != "register":
        return
    for column in ("data_source", "reward_model"):
        if column in has:
            continue
        key = view.said("data.reward_fn_key") if column == "data_source" else None
        unread = f", and nothing reads data.reward_fn_key={key.value}" if key is not None else ""
        yield Found(
            f"{rows.files[0].name} has no column `{column}`{unread}; it has {listed}",
            (f"dataset:{column}", *(("data.reward_fn_key",) if key is not None else ()), files),
            fix=f"write a column `{column}`" + ("" if column == "data_source" else " with {ground_truth: …}"),
            why="the reward manager reads it of every row: every score raises KeyError",
            span=view.span(*(("data.reward_fn_key",) if key is not None else ()), files),
        )
