"""A reward model is asked for and lacks what it starts with, or the reward has no worker.

`reward.reward_model.enable` needs `model_path` and `rollout.name`; a pool of its own needs nodes and GPUs above 0, and
enough of them for one replica. `reward.num_workers` workers score all trajectories.

Why: the run stops when the pools are made, or after the actor has loaded.
Source: main_ppo.py init_resource_pool_mgr (0.7.1: :226-230, 0.8.0: :166-170), trainer/ppo/v1/trainer_base.py
(0.9.1: :823-827); reward_loop/reward_model.py _initialize_llm_servers (0.8.0: :58-63)
Bad:
    reward.reward_model.enable=True reward.reward_model.rollout.name=sglang
Good:
    reward.reward_model.enable=True reward.reward_model.rollout.name=sglang reward.reward_model.model_path=model
    reward.reward_model.rollout.tensor_model_parallel_size=1
    --- reward.py
    def compute_score(data_source, solution_str, ground_truth, extra_info=None, **router):
        return float(solution_str.endswith(f"Answer: {ground_truth}"))
Bad:
    reward.reward_model.enable=True reward.reward_model.enable_resource_pool=True
    reward.reward_model.rollout.name=sglang reward.reward_model.model_path=model
Bad:
    reward.num_workers=0
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import gpus
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS415", "reward-model-incomplete", "error")

MODEL = "reward.reward_model"
POOL = f"{MODEL}.enable_resource_pool"


def check(view: View) -> Iterator[Found]:
    if view.value("reward.num_workers") == 0:
        yield Found(
            "reward.num_workers is 0, and every score needs one",
            ("reward.num_workers",),
            fix="reward.num_workers=8",
            why="the agent loop chooses one of no workers and fails",
        )
    if view.value(POOL):
        yield from _pool(view)
    if not view.value(f"{MODEL}.enable"):
        return
    for key, fix in ((f"{MODEL}.model_path", "MODEL"), (f"{MODEL}.rollout.name", "sglang")):
        value = view.value(key) if view.said(key) is not None else None
        if value is None or value == "":
            yield Found(
                f"reward.reward_model.enable is true and {key} is not set",
                (key, f"{MODEL}.enable"),
                fix=f"{key}={fix}",
                why="verl reads it when the reward model starts, after the actor has loaded, and stops",
                span=view.span(key, f"{MODEL}.enable"),
            )
    yield from _replica(view)


def _pool(view: View) -> Iterator[Found]:
    for name in ("n_gpus_per_node", "nnodes"):
        key = f"{MODEL}.{name}"
        value = view.value(key)
        if isinstance(value, int) and value <= 0:
            default = "" if view.said(key) is not None else ", the default"
            yield Found(
                f"the reward model has a pool of its own and {key} is {value}{default}",
                (key, POOL),
                fix=f"{key}={1 if name == 'nnodes' else 8}",
                why="verl raises ValueError when the resource pools are made",
                span=view.span(key, POOL),
            )


def _replica(view: View) -> Iterator[Found]:
    own = view.value(POOL)
    have = view.integer(f"{MODEL}.n_gpus_per_node") * view.integer(f"{MODEL}.nnodes") if own else gpus(view)
    key = f"{MODEL}.rollout.tensor_model_parallel_size"
    tensor = view.integer(key)
    if 0 < have < tensor:
        default = "" if view.said(key) is not None else " (default)"
        yield Found(
            f"the reward model has {have} GPUs and {key} is {tensor}{default}",
            (key, f"{MODEL}.n_gpus_per_node" if own else "trainer.n_gpus_per_node"),
            fix=f"{key}={have}",
            why="not one replica fits, and no server answers",
            span=view.span(key, f"{MODEL}.enable"),
        )
