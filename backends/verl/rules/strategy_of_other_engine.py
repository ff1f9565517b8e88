"""`strategy=megatron` in a configuration of FSDP.

The engine is the config group `model_engine` (or the config `ppo_megatron_trainer`), which brings the sections that it
reads. `strategy` alone changes the name and leaves FSDP's sections.

Why: the run stops in validate_config, at a section that is not there.
Source: utils/config.py validate_config (`actor.megatron`), workers/config/engine.py FSDPEngineConfig.__post_init__
(0.9.1: `strategy … not supported`); trainer/config/ppo_trainer.yaml
Bad:
    actor_rollout_ref.actor.strategy=megatron
Good:
    actor_rollout_ref.actor.strategy=fsdp
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ACTOR
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS522", "strategy-of-other-engine", "error")

STRATEGY = f"{ACTOR}.strategy"


def check(view: View) -> Iterator[Found]:
    if view.value(STRATEGY) != "megatron" or view.engine != "dp" or not view.run.base or view.run.open:
        return
    yield Found(
        f"{STRATEGY}=megatron, and the configuration is FSDP's: it has no section {ACTOR}.megatron",
        (STRATEGY, "model_engine"),
        fix="model_engine=megatron" if view.at_least("0.7.1") else "--config-name=ppo_megatron_trainer",
        why="verl stops in validate_config",
    )
