"""A number of checkpoints to keep that keeps all of them.

0 and negative numbers are no limit. The actor's and the critic's checkpoints are counted apart.

Why: the disk fills: with the optimizer's state a checkpoint has 12 to 16 bytes a parameter.
Source: utils/checkpoint/checkpoint_manager.py register_checkpoint of each release
Bad:
    trainer.max_actor_ckpt_to_keep=0
Bad:
    algorithm.adv_estimator=gae critic.model.path=model critic.ppo_micro_batch_size_per_gpu=4
Good:
    trainer.max_actor_ckpt_to_keep=2
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import has_critic
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS716", "keeps-every-checkpoint", "warning")

ACTORS, CRITICS = "trainer.max_actor_ckpt_to_keep", "trainer.max_critic_ckpt_to_keep"


def check(view: View) -> Iterator[Found]:
    if view.integer("trainer.save_freq", null=0) <= 0:
        return
    for key in (ACTORS, CRITICS):
        kept = view.value(key)
        if isinstance(kept, int) and kept <= 0 and view.said(key) is not None:
            yield Found(
                f"{key} is {kept}, which is no limit: every checkpoint stays",
                (key,),
                fix=f"{key}=2, or null for no limit",
                why="verl removes old ones only for a number above 0",
            )
    kept = view.value(ACTORS)
    if isinstance(kept, int) and kept > 0 and view.value(CRITICS) is None and has_critic(view):
        yield Found(
            f"{ACTORS} is {kept}, and {CRITICS} is not set: every checkpoint of the critic stays",
            (CRITICS, ACTORS),
            fix=f"{CRITICS}={kept}",
            why="the two are counted apart",
            span=view.span(CRITICS, ACTORS),
        )
