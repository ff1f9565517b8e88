"""Settings of a critic that the run does not have, or that its engine does not read.

Without GAE and without `critic.enable` there is no critic. From 0.8.0 on the critic's engine batches by tokens
whatever `critic.use_dynamic_bsz` says, so that no micro batch size of it is read, and
`critic.ulysses_sequence_parallel_size` has no reader: `critic.fsdp.ulysses_sequence_parallel_size` has.

Why: the settings do nothing. `trainer.critic_warmup` does: the actor waits for it even without a critic.
Source: trainer/ppo/utils.py need_critic; workers/config/engine.py EngineConfig.use_dynamic_bsz and
trainer/ppo/ray_trainer.py:809-811, trainer/ppo/v1/trainer_base.py:266-268 (0.9.1), which set no other;
workers/config/critic.py; trainer_base.py:610 and ray_trainer.py (critic_warmup)
Bad:
    trainer.critic_warmup=5
Good:
    trainer.critic_warmup=0
Bad:
    algorithm.adv_estimator=gae critic.model.path=model critic.ppo_micro_batch_size_per_gpu=4
    critic.ulysses_sequence_parallel_size=2
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import engine_of, has_critic
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS124", "critic-without-use", "warning")

WARMUP, SPLIT = "trainer.critic_warmup", "critic.ulysses_sequence_parallel_size"
READ = "critic.fsdp.ulysses_sequence_parallel_size"


def check(view: View) -> Iterator[Found]:
    critic = has_critic(view)
    if not critic and view.said(WARMUP) is not None and view.integer(WARMUP, null=0) > 1:
        yield Found(
            f"{view.shown(WARMUP)} holds the actor back for {view.integer(WARMUP) - 1} steps, and there is no critic",
            (WARMUP, "algorithm.adv_estimator"),
            fix=f"{WARMUP}=0",
        )
    if not critic or not view.at_least("0.8.0") or engine_of(view) != "dp" or view.said(SPLIT) is None:
        return
    if view.integer(SPLIT, null=1) > 1 and view.value(READ) == 1:
        yield Found(
            f"verl {view.version} does not read {view.shown(SPLIT)}",
            (SPLIT, READ),
            fix=f"{READ}={view.integer(SPLIT)}",
            why="the critic's engine reads its own section alone",
        )
