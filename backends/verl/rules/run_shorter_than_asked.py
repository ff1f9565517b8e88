"""A run whose epochs end before its number of steps.

The loop goes on while there are epochs and steps: `total_training_steps` shortens a run and lengthens none. The
learning rate's schedule takes it for the length all the same, and what is done at the last step (checkpoint,
validation) is left out.

Why: the run is shorter than was asked, without its last checkpoint.
Source: trainer/ppo/v1/trainer_base.py:465-466, :765-786 (0.9.1); trainer/ppo/ray_trainer.py fit of each release
Bad:
    trainer.total_training_steps=500 trainer.total_epochs=2
Good:
    trainer.total_training_steps=30 trainer.total_epochs=2
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import update_prompts, uses_v1
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS127", "run-shorter-than-asked", "warning")

STEPS, EPOCHS = "trainer.total_training_steps", "trainer.total_epochs"


def check(view: View) -> Iterator[Found]:
    if view.value(STEPS) is None:
        return
    asked, epochs = view.integer(STEPS), view.integer(EPOCHS)
    prompts = view.integer("data.train_batch_size") if uses_v1(view) else update_prompts(view)
    rows, most = view.facts.rows().count, view.value("data.train_max_samples")
    if isinstance(most, int) and most > 0:
        rows = min(rows, most)
    each = rows // max(1, prompts)
    if 0 < each * epochs < asked:
        default = "" if view.said(EPOCHS) is not None else " (default)"
        yield Found(
            f"{STEPS}={asked}, and {epochs} epochs{default} of {rows} rows // {prompts} prompts = {each} steps "
            f"end after {each * epochs}",
            (STEPS, EPOCHS),
            fix=f"{EPOCHS}={-(-asked // each)}",
            why="the last checkpoint and validation are left out, and the schedule is that of a longer run",
        )
