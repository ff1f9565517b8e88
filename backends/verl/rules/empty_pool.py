"""A pool of GPUs of its own that has none.

`reward.reward_model.enable_resource_pool` gives the reward model GPUs of its own, `nnodes` × `n_gpus_per_node`, and
`nnodes` is 0 where nobody sets it. The teacher of a distillation always has such a pool.

Why: the run stops before the models load.
Source: trainer/ppo/v1/trainer_base.py:823-842 (0.9.1), trainer/main_ppo.py:166-183 (0.8.0), :226-230 (0.7.1)
Bad:
    reward.reward_model.enable=True reward.reward_model.enable_resource_pool=True
Good:
    reward.reward_model.enable_resource_pool=True reward.reward_model.nnodes=1
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import distils
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS519", "empty-pool", "error")


def check(view: View) -> Iterator[Found]:
    pool = "reward.reward_model.enable_resource_pool"
    if view.value(pool):
        yield from _sizes(view, "reward.reward_model", pool)
    if view.at_least("0.8.0") and distils(view):
        yield from _sizes(view, "distillation", "distillation.enabled")


def _sizes(view: View, section: str, switch: str) -> Iterator[Found]:
    for name in ("nnodes", "n_gpus_per_node"):
        key = f"{section}.{name}"
        if view.integer(key, null=0) <= 0:
            yield Found(
                f"{view.shown(switch)}, and {view.shown(key)}: the pool has no GPU",
                (key, switch),
                fix=f"{key}=1",
                why="verl raises a ValueError before the models load",
            )
