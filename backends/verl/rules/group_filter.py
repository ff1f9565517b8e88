"""Group filtering (DAPO) that is not there, or whose settings are not read.

Only the V1 trainer of 0.9 filters groups in main_ppo. It wants a metric, and rewards at the time of sampling (no
colocated reward model).

Why: the run stops at the start, or trains on groups that were to be dropped.
Source: trainer/ppo/v1/trainer_base.py _resolve_filter_groups_metric (0.9.1: :188-216); no reader of `filter_groups` in
trainer/ppo/ray_trainer.py of any release
Bad:
    algorithm.filter_groups.enable=True trainer.use_v1=False
Good:
    algorithm.filter_groups.enable=True algorithm.filter_groups.metric=score
Bad:
    algorithm.filter_groups.enable=True algorithm.filter_groups.metric=null
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import uses_v1
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS119", "group-filter", "error")

FILTER, REWARD = "algorithm.filter_groups", "reward.reward_model"


def check(view: View) -> Iterator[Found]:
    if not view.value(f"{FILTER}.enable"):
        return
    if not uses_v1(view):
        fix = "trainer.use_v1=True" if view.at_least("0.9.0") else "verl 0.9.1, or a trainer that filters"
        yield Found(
            f"main_ppo of verl {view.version} filters no groups"
            + (" under V0" if view.at_least("0.9.0") else ""),
            (f"{FILTER}.enable", *(("trainer.use_v1",) if view.at_least("0.9.0") else ())),
            fix=fix,
            why="nothing reads the section: groups with equal rewards stay in the batch",
        )
        return
    if view.value("trainer.v1.sampler.custom_sampler.path"):
        return
    if not view.value(f"{FILTER}.metric"):
        yield Found(
            f"{view.shown(f'{FILTER}.metric')}, and groups are filtered by it",
            (f"{FILTER}.metric", f"{FILTER}.enable"),
            fix=f"{FILTER}.metric=score",
            why="verl stops when the trainer starts",
        )
    if view.value(f"{REWARD}.enable") and not view.value(f"{REWARD}.enable_resource_pool"):
        yield Found(
            "groups are filtered while they are sampled, and a colocated reward model scores after that",
            (f"{FILTER}.enable", f"{REWARD}.enable_resource_pool"),
            fix=f"{REWARD}.enable_resource_pool=True",
            why="verl asserts it when the trainer starts",
        )
