"""Validation generates more trajectories than training does between two validations.

Every `trainer.test_freq` steps all validation rows are generated `val_kwargs.n` times.

Why: most of the run's time is validation.
Source: trainer/ppo/ray_trainer.py _validate of each release; trainer/ppo/v1/trainer_base.py _validate (0.9.1)
Bad:
    data.train_batch_size=32 trainer.test_freq=1 actor_rollout_ref.rollout.val_kwargs.n=16
    actor_rollout_ref.rollout.n=8
Good:
    data.train_batch_size=32 trainer.test_freq=10 actor_rollout_ref.rollout.n=8
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT, group
from toolspec.backends.verl.lint.facts.rows import drawn
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS625", "long-validation", "warning")


def check(view: View) -> Iterator[Found]:
    every = view.integer("trainer.test_freq")
    if every <= 0:
        return
    samples = view.integer(f"{ROLLOUT}.val_kwargs.n")
    tested = drawn(view, "val") * samples
    trained = every * view.integer("data.train_batch_size") * group(view)
    if tested <= trained or trained < 1:
        return
    yield Found(
        f"each validation generates {tested} trajectories, and {trained} are trained on between two of them",
        ("trainer.test_freq", "data.val_files", "data.val_max_samples", f"{ROLLOUT}.val_kwargs.n"),
        fix=f"trainer.test_freq={-(-tested * every // trained) * 5}, or data.val_max_samples",
        why="most of the time goes into validation",
    )
