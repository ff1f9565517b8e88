"""Images, videos or audio in the rows that the prompt or the model does not take.

Every `<image>` in the text of a prompt takes one image of the row, and the numbers must be equal. A model without an
image processor takes none.

Why: the data loader stops at an assertion, or filter_overlong_prompts drops every such row.
Source: utils/dataset/rl_dataset.py _build_messages (0.7.1: :304-347, 0.8.0 and 0.9.1: :313-383)
Bad:
    --- train.parquet
    {"data_source": "c", "prompt": [{"role": "user", "content": "What is it?"}], "images": [{"bytes": "aGk="}], \
"reward_model": {"ground_truth": "2"}}
Good:
    data.train_files=train.parquet
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolspec.backends.verl.lint.derived import MODEL
from toolspec.backends.verl.lint.facts.rows import Rows
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS629", "media-of-rows", "error")

KINDS = (("data.image_key", "<image>"), ("data.video_key", "<video>"), ("data.audio_key", "<audio>"))


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
    files, prompt = f"data.{split}_files", view.text("data.prompt_key")
    columns = {view.text(key): mark for key, mark in KINDS if view.has(key)}
    used = {name: mark for name, mark in columns.items() if any(rows.values(name))}
    for name, mark in used.items():
        wrong = sum(
            _differs(row, name, mark, prompt) for row in rows.sample if any(row.get(n) for n in columns)
        )
        if wrong:
            yield Found(
                f"{rows.files[0].name}: {wrong} of {len(rows.sample)} rows have another number of {mark} in the prompt"
                f" than of {name}",
                (f"dataset:{name}", f"dataset:{prompt}", files),
                fix=f"write {mark} in the message where each belongs",
                why="the data loader asserts that they are equal",
                span=view.span(files),
            )
    if used and not view.facts.model().multimodal:
        name = next(iter(used))
        yield Found(
            f"the rows have {name}, and {view.text(f'{MODEL}.path')} is a model of text",
            (f"dataset:{name}", f"{MODEL}.path", files),
            fix="a model that takes them, or rows without the column",
            why="the data loader asserts a processor, which the model does not have",
            span=view.span(f"{MODEL}.path", files),
        )


def _differs(row: dict[str, Any], column: str, mark: str, prompt: str) -> bool:
    messages = row.get(prompt)
    if not isinstance(messages, list):
        return False
    contents = [message.get("content") for message in messages if isinstance(message, dict)]
    found = sum(content.count(mark) for content in contents if isinstance(content, str))
    return found != len(row.get(column) or [])
