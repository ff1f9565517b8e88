"""A checkpoint that stands already where the run would save.

With `trainer.resume_mode=auto`, the default, verl loads the newest checkpoint of `trainer.default_local_dir`, whoever
wrote it, and goes on from its step.

Why: the run continues another one, dies on other shapes, or has no step left and ends at once.
Source: trainer/ppo/v1/trainer_base.py:856-864 (0.9.1), trainer/ppo/ray_trainer.py _load_checkpoint of each release;
utils/checkpoint/checkpoint_manager.py find_latest_ckpt_path
Bad:
    trainer.default_local_dir=shared
    --- shared/latest_checkpointed_iteration.txt
    40
    --- shared/global_step_40/data.pt
    -
Good:
    trainer.default_local_dir=own
    --- shared/latest_checkpointed_iteration.txt
    40
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import steps
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity

RULE = Rule("TS713", "foreign-checkpoint", "warning")

FOLDER, MODE = "trainer.default_local_dir", "trainer.resume_mode"
TRACKER = "latest_checkpointed_iteration.txt"


def check(view: View) -> Iterator[Found]:
    if view.value(MODE) != "auto":
        return
    name = view.text(FOLDER)
    folder = view.path(name)
    if folder is None or not folder.is_dir():
        return
    text = (view.files.read(folder / TRACKER) or b"").decode("ascii", "replace").strip()
    if not text.isdigit() or f"global_step_{int(text)}" not in view.files.names(folder):
        return
    step = int(text)
    left = _left(view, step)
    # A folder that carries the run's own name holds what the run itself wrote: to go on there is the purpose.
    own = str(view.value("trainer.experiment_name")) in name and left != 0
    severity: Severity | None = "note" if own else None
    rest = "" if left is None else f", with {left} steps left"
    yield Found(
        f"`{name}` holds a checkpoint of step {step}, and the run resumes there{rest}",
        (FOLDER, MODE),
        fix=f"{FOLDER} of its own, or {MODE}=disable",
        why="verl loads the newest checkpoint of the folder, whoever wrote it",
        span=view.span(FOLDER, MODE),
        severity=severity,
    )


def _left(view: View, step: int) -> int | None:
    try:
        return max(0, steps(view) - step)
    except NotKnownError:
        return None
