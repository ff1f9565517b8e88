"""The checkpoint folder holds a run that has done all steps.

`resume_mode=auto` takes the newest checkpoint of the folder, whoever wrote it.

Why: the run loads other weights, finds its steps done and stops at once.
Source: trainer/ppo/v1/trainer_base.py:850-880 (0.9.1), utils/checkpoint/checkpoint_manager.py find_latest_ckpt_path
Bad:
    trainer.default_local_dir=checkpoints trainer.total_training_steps=40
    --- checkpoints/latest_checkpointed_iteration.txt
    40
Good:
    trainer.default_local_dir=other trainer.total_training_steps=40
    --- checkpoints/latest_checkpointed_iteration.txt
    40
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS708", "resumes-finished-run", "warning")

FOLDER, MODE = "trainer.default_local_dir", "trainer.resume_mode"
TRACKER = "latest_checkpointed_iteration.txt"


def check(view: View) -> Iterator[Found]:
    if view.text(MODE) != "auto":
        return
    path = view.path(f"{view.text(FOLDER)}/{TRACKER}")
    data = view.files.read(path) if path is not None else None
    if data is None or not data.strip().isdigit():
        return
    done, steps = int(data), _steps(view)
    if steps and done >= steps:
        yield Found(
            f"{view.text(FOLDER)} holds a checkpoint of step {done}, and this run has {steps} steps",
            (FOLDER, MODE),
            fix=f"{FOLDER}=a folder of its own, or {MODE}=disable",
            why="verl resumes from there and has nothing left to train",
        )


def _steps(view: View) -> int:
    """Steps of the run. Raises NotKnownError."""
    given = view.value("trainer.total_training_steps")
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    batch = view.integer("data.train_batch_size")
    if batch < 1:
        raise NotKnownError("data.train_batch_size above 0")
    return view.facts.rows().count // batch * view.integer("trainer.total_epochs")
