"""Checkpoints in the background for an engine that does not write them so.

With `checkpoint.async_save` the trainer leaves `latest_checkpointed_iteration.txt` to the checkpoint manager. Only
that of Megatron writes it.

Why: the run saves, and is never resumed: after a restart it begins at step 0, over the old files.
Source: trainer/ppo/v1/trainer_base.py:1012-1020 (0.9.1), trainer/ppo/ray_trainer.py (0.7.1: :908-916, 0.8.0: :1028);
no reader of async_save in utils/checkpoint/fsdp_checkpoint_manager.py of any release
Bad:
    actor_rollout_ref.actor.checkpoint.async_save=True
Good:
    actor_rollout_ref.actor.checkpoint.async_save=False
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR, is_megatron
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS714", "async-save-without-megatron", "error")

KEY = f"{ACTOR}.checkpoint.async_save"


def check(view: View) -> Iterator[Found]:
    if not view.value(KEY) or is_megatron(view) or view.integer("trainer.save_freq", null=0) <= 0:
        return
    yield Found(
        f"{KEY} is set, and the {view.value(f'{ACTOR}.strategy')} engine does not save in the background",
        (KEY, f"{ACTOR}.strategy"),
        fix=f"{KEY}=False",
        why="nobody writes latest_checkpointed_iteration.txt, so that a restart begins at step 0",
    )
