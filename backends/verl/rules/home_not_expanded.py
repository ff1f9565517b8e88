"""A path that begins with `~`, which verl does not expand.

A shell expands `~` at the start of a word, not in a YAML file and not behind `key=`. verl hands the text on: the data
sets library looks for a folder named `~` in the current one, and so does the loader of Python files.

Why: the run stops with FileNotFoundError.
Source: utils/fs.py copy_to_local, utils/dataset/rl_dataset.py _read_files_and_tokenize and utils/import_utils.py
load_module of each release (none calls expanduser); datasets 5.2.0 was run: `Unable to find '…/~/data/…'`
Bad:
    --- config.yaml
    defaults: [ppo_trainer, _self_]
    data: {train_files: ~/data/train.parquet, val_files: ~/data/val.parquet}
Good:
    'data.val_files="${oc.env:HOME}/data/val.parquet"'
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.code import SLOTS
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS620", "home-not-expanded", "warning")

DATA = ("data.train_files", "data.val_files")


def check(view: View) -> Iterator[Found]:
    for key in (*DATA, *(slot.path for slot in SLOTS)):
        said = view.said(key)
        if said is None or (view.run.spec is not None and not said.overridden):
            continue
        values = said.value if isinstance(said.value, list) else [said.value]
        homes = [value for value in values if isinstance(value, str) and value.startswith("~")]
        if homes:
            yield Found(
                f"{key} begins with `~`, which verl does not expand: {homes[0]}",
                (key,),
                fix=f'{key}="${{oc.env:HOME}}{homes[0][1:]}"'
                if homes[0].startswith("~/")
                else "the whole path",
                why="it is looked for in a folder named `~` and not found",
            )
