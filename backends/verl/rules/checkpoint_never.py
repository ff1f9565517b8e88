"""No checkpoint is ever written.

`save_freq` is -1 where nobody sets it, and that means never: the last step saves only where it is above 0.

Why: a run of days leaves no model.
Source: trainer/ppo/v1/trainer_base.py:481 (0.9.1); trainer/ppo/ray_trainer.py of each release (0.7.1: :1521)
Bad:
    ~trainer.save_freq
Good:
    trainer.save_freq=20
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS707", "checkpoint-never", "warning")

KEY = "trainer.save_freq"


def check(view: View) -> Iterator[Found]:
    if view.run.spec is not None or view.value("trainer.val_only"):
        return
    freq = view.value(KEY, absent=-1)
    if isinstance(freq, (int, float)) and not isinstance(freq, bool) and freq <= 0:
        asked = view.said(KEY) is not None
        yield Found(
            f"{KEY}={freq}{'' if asked else ' (default)'}: no checkpoint is written, at the last step neither",
            (KEY,),
            fix=f"{KEY}=50",
            why="verl saves only where it is above 0",
            severity="note" if asked else None,  # a benchmark or a smoke test says so on purpose
        )
