"""The validation file is a training file.

Why: validation tells how well the training prompts are remembered, and takes as long as an epoch of them.
Source: trainer/ppo/v1/trainer_base.py:710-758 (0.9.1) and _create_dataloader of each release: nothing compares the two;
verl issue 1013
Bad:
    data.val_files=train.parquet
Good:
    data.val_files=val.parquet
Good:
    data.val_files=train.parquet trainer.test_freq=-1 trainer.val_before_train=False
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from pathlib import Path, PurePath

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.value import Unknown

RULE = Rule("TS631", "validation-on-training", "warning")

TRAIN, VAL = "data.train_files", "data.val_files"
MOST_BYTES = 256 << 20


def check(view: View) -> Iterator[Found]:
    if view.value("trainer.val_only"):
        return  # nothing is trained
    if view.integer("trainer.test_freq", null=0) <= 0 and not view.value("trainer.val_before_train"):
        return  # the file is named because verl wants one, and is never used
    said = view.said(VAL)
    if view.run.spec is not None and (said is None or not said.overridden):
        return  # verl always builds a validation set: a spec without one lowers to the training rows
    trained = _names(view, TRAIN)
    for name in _names(view, VAL):
        if name in trained:
            yield _found(f"{VAL} names a training file: {name}")
            continue
        for other in trained:
            if _same_content(view, name, other):
                yield _found(f"{name} holds the same as the training file {other}")


def _found(message: str) -> Found:
    return Found(
        message, (VAL, TRAIN), fix=f"{VAL}=HELD_OUT.parquet", why="it measures memory of the training prompts"
    )


def _names(view: View, key: str) -> list[str]:
    """The names that were written, also those that only the shell knows: the same text is the same file."""
    said = view.said(key)
    if said is None or isinstance(said.value, dict):
        return []
    values = said.value if isinstance(said.value, list) else [said.value]
    return [
        str(value) if isinstance(value, Unknown) else str(PurePath(value))
        for value in values
        if isinstance(value, str | Unknown) and str(value)
    ]


def _same_content(view: View, name: str, other: str) -> bool:
    one, two = view.path(name), view.path(other)
    if one is None or two is None:
        return False
    return _size(view, one) == _size(view, two) > 0 and filecmp.cmp(one, two, shallow=False)


def _size(view: View, path: Path) -> int:
    try:
        status = path.stat()
    except OSError:
        return 0
    view.files.depends(path)
    return status.st_size if path.is_file() and status.st_size <= MOST_BYTES else 0
