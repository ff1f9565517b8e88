"""A data file that is not what its name says.

A pointer of git LFS, a page of an error, a CSV under another name: neither parquet nor JSON.

Why: the run stops when it makes its data loaders.
Source: utils/dataset/rl_dataset.py _read_files_and_tokenize of each release
Bad:
    data.train_files=other.parquet
    --- run.sh
    python3 -m verl.trainer.main_ppo data.train_files=pointer.jsonl data.val_files=val.parquet
    --- pointer.jsonl
    version https://git-lfs.github.com/spec/v1
Good:
    data.train_files=train.parquet
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS616", "unreadable-rows", "error")

MAGIC = b"PAR1"
POINTER = b"version https://git-lfs"


def check(view: View) -> Iterator[Found]:
    if view.value("data.custom_cls.path"):
        return
    unknown: NotKnownError | None = None
    for key in ("data.train_files", "data.val_files"):
        try:
            value = view.value(key)
        except NotKnownError as error:
            unknown = unknown or error
            continue
        for name in value if isinstance(value, list) else [value]:
            path = view.path(name) if isinstance(name, str) else None
            what = _fault(view, path) if path is not None and path.is_file() else None
            if what is not None:
                yield Found(
                    f"{name} {what}",
                    (key,),
                    fix="git lfs pull" if "LFS" in what else "",
                    why="verl stops when it makes its data loaders",
                )
    if unknown is not None:
        raise unknown


def _fault(view: View, path: Path) -> str | None:
    try:
        status = path.stat()
        with path.open("rb") as stream:
            head = stream.read(64)
    except OSError:
        return None
    view.files.depends(path)
    if head.startswith(POINTER):
        return "is a pointer of git LFS, not the file"
    if path.suffix == ".parquet" and status.st_size and not head.startswith(MAGIC):
        return "is no parquet file"
    if path.suffix in (".json", ".jsonl") and head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (
        b"{",
        b"[",
        b"",
    ):
        return "is no JSON"
    return None
