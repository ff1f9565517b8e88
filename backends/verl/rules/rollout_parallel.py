"""Parallel sizes of the rollout that its configuration asserts.

`expert_parallel_size` above 1 must be tensor × data parallel (but for TensorRT-LLM), pipeline parallelism is not
implemented for any engine, and `moe_tensor_parallel_size` is TensorRT-LLM's.

Why: the run stops while the rollout is built, after the actor has loaded.
Source: workers/config/rollout.py RolloutConfig.__post_init__ of 0.7.1, 0.8.0 and 0.9.1 (0.9.1: :280-318)
Bad:
    actor_rollout_ref.rollout.expert_parallel_size=8 actor_rollout_ref.rollout.tensor_model_parallel_size=4
Good:
    actor_rollout_ref.rollout.expert_parallel_size=4 actor_rollout_ref.rollout.tensor_model_parallel_size=4
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.rules.uneven_tensor_parallel import PARALLEL

RULE = Rule("TS510", "rollout-parallel", "error")

EXPERT, MOE = f"{ROLLOUT}.expert_parallel_size", f"{ROLLOUT}.moe_tensor_parallel_size"
STOPS = "verl stops while the rollout is built"


def check(view: View) -> Iterator[Found]:
    name, (tensor, data, pipeline) = view.text(f"{ROLLOUT}.name"), PARALLEL
    if name != "trtllm":
        expert = view.integer(EXPERT, null=1)
        product = view.integer(tensor) * view.integer(data, null=1)
        if expert > 1 and expert != product:
            yield Found(
                f"expert_parallel_size={expert} is not tensor_model_parallel_size × data_parallel_size = {product}",
                (EXPERT, tensor, data),
                fix=f"{EXPERT}={product}",
                why=STOPS,
            )
        if view.integer(MOE, null=1) > 1:
            yield Found(
                f"{view.shown(MOE)} is for TensorRT-LLM alone", (MOE, f"{ROLLOUT}.name"), f"{MOE}=1", STOPS
            )
    if name in ("vllm", "sglang", "trtllm") and view.integer(pipeline, null=1) > 1:
        yield Found(
            f"{view.shown(pipeline)} is not implemented for {name}",
            (pipeline, f"{ROLLOUT}.name"),
            f"{pipeline}=1",
            STOPS,
        )
