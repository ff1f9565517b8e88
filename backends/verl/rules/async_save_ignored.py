"""Asynchronous saving with an engine that has none.

The trainer leaves `latest_checkpointed_iteration.txt` to the checkpoint manager, and only Megatron's writes it.

Why: resume_mode=auto finds no checkpoint, starts at step 0 and writes over the old ones.
Source: trainer/ppo/v1/trainer_base.py:1010-1020 (0.9.1); trainer/ppo/ray_trainer.py (0.7.1: :909, 0.8.0: :1029, 0.9.1:
:1038); utils/checkpoint/megatron_checkpoint_manager.py, the only reader besides
Bad:
    actor_rollout_ref.actor.checkpoint.async_save=True
Good:
    actor_rollout_ref.actor.checkpoint.async_save=False
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, engine_of
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS706", "async-save-ignored", "error")

KEY = f"{ACTOR}.checkpoint.async_save"


def check(view: View) -> Iterator[Found]:
    if view.value(KEY) and engine_of(view) != "megatron":
        yield Found(
            f"{KEY} with the engine {engine_of(view)}: no tracker file is written, and a resumed run starts at step 0",
            (KEY,),
            fix=f"{KEY}=False",
            why="the trainer leaves the tracker file to the checkpoint manager, and only Megatron's writes it",
        )
