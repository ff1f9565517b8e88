"""Several runs of a script that save to one folder.

`trainer.default_local_dir` is `checkpoints/PROJECT/EXPERIMENT`, and `trainer.resume_mode` is `auto`: the second run
finds the last checkpoint of the first and goes on there.

Why: the later runs have no step left, or train on from the weights of another setting.
Source: trainer/ppo/v1/trainer_base.py:856-864 (0.9.1), trainer/ppo/ray_trainer.py _load_checkpoint of each release
Bad:
    --- run.sh
    for lr in 1e-6 3e-6; do
      python3 -m verl.trainer.main_ppo actor_rollout_ref.actor.optim.lr=$lr trainer.save_freq=20
    done
Good:
    trainer.experiment_name=grpo-1e-6
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.override import Sweep
from toolspec.backends.verl.written.run import Run
from toolspec.backends.verl.written.value import Unknown
from toolspec.specs.problem import Severity

RULE = Rule("TS717", "one-folder-for-several-runs", "error")

FOLDER, EXPERIMENT, MODE = "trainer.default_local_dir", "trainer.experiment_name", "trainer.resume_mode"
LENGTHS = frozenset({"trainer.total_epochs", "trainer.total_training_steps"})
_CHANGED = "a loop changes it"


def check(view: View) -> Iterator[Found]:
    if view.value(MODE) != "auto":
        return
    changed = _changed_by(view)
    if changed is None or view.integer("trainer.save_freq", null=0) <= 0:
        return
    what, severity = changed
    yield Found(
        f"runs that differ in {what} save to the same folder, `{view.text(FOLDER)}`, and resume there",
        (FOLDER, EXPERIMENT, MODE),
        fix=f"{EXPERIMENT} with what differs in it, or {MODE}=disable",
        why="each run after the first goes on from the last checkpoint of the one before",
        span=view.span(FOLDER, EXPERIMENT),
        severity=severity,
    )


def _changed_by(view: View) -> tuple[str, Severity | None] | None:
    """What differs between this run and one before it that saves to the same folder."""
    run = view.run
    folder = view.text(FOLDER)
    sweeps = [said.key for said in run.said if isinstance(said.value, Sweep)]
    if run.multirun and sweeps:
        return ", ".join(sweeps), None
    if run.launch is None or run.launch.command.when:
        return None
    looped = [s.key for s in run.said if isinstance(s.value, Unknown) and s.value.reason.startswith(_CHANGED)]
    if run.launch.command.loop and looped:
        return ", ".join(looped), None
    for other in run.before:
        if other.launch is None or other.launch.command.when:
            continue
        differs = _differences(run, other)
        if not differs or not _saves_to(View(other, view.release, view.files), folder):
            continue
        # The same command once more is a restart, and more steps are a continuation.
        if set(differs) & LENGTHS:
            continue
        return ", ".join(differs[:3]), None if run.launch.command.loop else "warning"
    return None


def _differences(run: Run, other: Run) -> list[str]:
    mine, theirs = ({said.key: said.value for said in one.said} for one in (run, other))
    return [key for key in dict.fromkeys((*mine, *theirs)) if mine.get(key) != theirs.get(key)]


def _saves_to(view: View, folder: str) -> bool:
    try:
        return view.text(FOLDER) == folder and view.integer("trainer.save_freq", null=0) > 0
    except NotKnownError:
        return False
