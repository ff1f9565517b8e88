"""A resume from HDFS, which the V0 trainer does not have.

With `trainer.default_hdfs_dir` set the V0 trainer raises when it looks for a checkpoint, whether there is one or not,
unless `trainer.resume_mode=disable`.

Why: NotImplementedError after the models have loaded, also at the first start.
Source: trainer/ppo/ray_trainer.py _load_checkpoint (0.7.1: :928, 0.8.0: :1048, 0.9.1: :1057)
Bad (verl 0.8.0):
    trainer.default_hdfs_dir=hdfs://store/run
Good (verl 0.8.0):
    trainer.default_hdfs_dir=hdfs://store/run trainer.resume_mode=disable
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import uses_v1
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS712", "hdfs-resume", "error")

KEY, MODE = "trainer.default_hdfs_dir", "trainer.resume_mode"


def check(view: View) -> Iterator[Found]:
    if view.value(KEY) is None or view.value(MODE) == "disable" or uses_v1(view):
        return
    yield Found(
        f"{KEY} is set, and the trainer cannot resume from HDFS: {view.shown(MODE)}",
        (KEY, MODE),
        fix=f"{MODE}=disable, or {KEY}=null",
        why="it raises NotImplementedError after the models have loaded, whether there is a checkpoint or not",
    )
