"""A data file that verl cannot read, or that is not there.

verl's dataset reads names that end in .parquet, .json and .jsonl, from a disk or hdfs://; a folder, a data set's name
on the hub and another suffix are refused. Both data.train_files and data.val_files are always read, also where nothing
is validated; their defaults are `~/data/rlhf/gsm8k/…`, which is not expanded.

Why: the run stops when the trainer makes its data loaders, after Ray has started.
Source: utils/dataset/rl_dataset.py _read_files_and_tokenize (0.7.1: :155-165, 0.9.1: :172-181), utils/fs.py:248;
trainer/ppo/v1/trainer_base.py:710-724 (0.9.1) and _create_dataloader of each release
Bad:
    data.train_files=train.csv
Good:
    data.train_files=train.parquet
Bad:
    data.train_files=openai/gsm8k
Bad:
    data.val_files=null
Bad:
    data.val_files=test.parquet
Bad:
    --- run.sh
    python3 -m verl.trainer.main_ppo data.train_files=train.parquet algorithm.adv_estimator=grpo
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from toolspec.backends.verl.lint.facts.places import is_missing
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.nearest import nearest

RULE = Rule("TS605", "data-file", "error")

KEYS = ("data.train_files", "data.val_files")
SUFFIXES = (".parquet", ".json", ".jsonl")
LATE = "verl reads both files when it makes its data loaders, after Ray has started"


def check(view: View) -> Iterator[Found]:
    if view.run.spec is not None or view.value("data.custom_cls.path"):
        return
    unknown: NotKnownError | None = None
    for key in KEYS:
        try:
            yield from _file(view, key)
        except NotKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def _file(view: View, key: str) -> Iterator[Found]:
    if view.said(key) is None:
        yield from _default(view, key)
        return
    value = view.value(key)
    names = value if isinstance(value, list) else [value]
    if not names:
        yield _found(key, f"{key} is an empty list")
    unknown: NotKnownError | None = None
    for name in names:
        try:
            yield from _name(view, key, name)
        except NotKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def _name(view: View, key: str, name: Any) -> Iterator[Found]:
    if name is None or name == "":
        yield _found(key, f"{key} is {'null' if name is None else 'empty'}", "FILE.parquet")
        return
    if not isinstance(name, str):
        raise NotKnownError(f"{key} as file names")
    if not name.endswith(SUFFIXES):
        what = (
            "a folder"
            if name.endswith("/")
            else f"`{PurePath(name).suffix}`"
            if PurePath(name).suffix
            else "no suffix"
        )
        yield _found(
            key, f"{key} names {name}: {what}, and verl reads .parquet, .json and .jsonl", "FILE.parquet"
        )
        return
    path = view.path(name)
    if path is not None and path.is_dir():
        yield _found(key, f"{key} names the folder {name}", f"{name}/FILE.parquet")
    elif path is None and not any(mark in name for mark in "*?["):
        folder = view.run.folder / PurePath(name).parent
        there = [n for n in view.files.names(folder) if n.endswith(SUFFIXES)]
        # Data are often made or fetched on the machine of the run: only a folder that has others is the one.
        if not there or not is_missing(view, key, name):
            raise NotKnownError(f"the file of {key} ({name})")
        close = nearest(PurePath(name).name, there)
        yield _found(key, f"{key} names {name}, which is not there", close[0] if close else "FILE.parquet")


def _default(view: View, key: str) -> Iterator[Found]:
    """A file left at its default. A config file alone, without any data, is completed on the command line."""
    if key not in view.keys.defaults or view.run.base == "":
        return
    default = view.value(key)
    other = next(one for one in KEYS if one != key)
    if view.said(other) is None and _completed_later(view):
        raise NotKnownError(key)
    if not isinstance(default, str) or not default.startswith("~"):
        return
    yield Found(
        f"{key} is left at its default {default}, which verl does not expand",
        (key, other),
        fix=f"{key}=FILE.parquet",
        why=LATE,
        span=view.span(other),
    )


def _completed_later(view: View) -> bool:
    """Whether the data are named where the run is started: behind a config file, or behind a script (`$@`)."""
    launch = view.run.launch
    return launch is None or any(mark in line for line in launch.script.lines for mark in ("$@", "$*", "${@"))


def _found(key: str, message: str, fix: str = "") -> Found:
    return Found(message, (key,), fix=f"{key}={fix}" if fix else "", why=LATE)
