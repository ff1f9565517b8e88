"""A path to resume from that verl does not resume from.

With `trainer.resume_mode=resume_path` verl takes the step from the end of `trainer.resume_from_path`, which has to be
`…/global_step_N` and nothing behind it. With any other mode the path is not read.

Why: the run stops when it loads the checkpoint, after the models, or starts from another place than was asked.
Source: trainer/ppo/ray_trainer.py _load_checkpoint (0.7.1: :923-956, 0.8.0: :1043-1076, 0.9.1: :1052-1085),
trainer/ppo/v1/trainer_base.py:854-876
Bad:
    trainer.resume_mode=resume_path trainer.resume_from_path=checkpoints/calculator/grpo
Bad:
    trainer.resume_mode=resume_path trainer.resume_from_path=checkpoints/calculator/grpo/global_step_40/
Bad:
    trainer.resume_from_path=old/global_step_40
Good:
    trainer.resume_mode=resume_path trainer.resume_from_path=checkpoints/calculator/grpo/global_step_40
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity

RULE = Rule("TS704", "resume-path", "error")

MODE, PATH, FOLDER = "trainer.resume_mode", "trainer.resume_from_path", "trainer.default_local_dir"
STEP = "global_step_"
_NUMBER = re.compile(r"\s*[+-]?\d+(?:_\d+)*\s*")


def check(view: View) -> Iterator[Found]:
    mode = view.value(MODE)
    if mode == "resume_path":
        yield from _resumed(view)
    elif mode in ("auto", "disable"):
        path = view.value(PATH)
        if not isinstance(path, str) or not path.strip() or path.strip().lower() in ("none", "null", "false"):
            return
        # Where the path is in the run's own folder, `auto` may well find the same checkpoint.
        own = view.said(FOLDER) is not None and path.startswith(view.text(FOLDER).rstrip("/"))
        severity: Severity | None = None if mode == "auto" and not own else "warning"
        yield Found(
            f"{PATH} is `{path}`, and {view.shown(MODE)} does not read it",
            (PATH, MODE),
            fix=f"{MODE}=resume_path",
            why="auto resumes from default_local_dir, or starts from the model" if mode == "auto" else "",
            severity=severity,
        )


def _resumed(view: View) -> Iterator[Found]:
    path = view.value(PATH)
    if not isinstance(path, str):
        problem = f"{MODE} is resume_path, and {view.shown(PATH)} is no path"
    elif STEP not in path:
        problem = f"`{path}` does not name a step: there is no {STEP}N in it"
    elif not _NUMBER.fullmatch(path.rsplit(STEP, 1)[1]):
        rest = path.rsplit(STEP, 1)[1]
        problem = f"`{rest}` behind {STEP} is no number, and verl makes the step of it"
    else:
        return
    yield Found(
        problem,
        (PATH, MODE),
        fix=f"{PATH}=…/{STEP}100",
        why="verl stops when it loads the checkpoint, after the models have loaded",
        span=view.span(PATH, MODE),
    )
