"""The GPUs do not split into rollout engines.

An engine takes `tensor_model_parallel_size` × `data_parallel_size` × `pipeline_model_parallel_size` GPUs. verl asserts
that the GPUs of the trainer (or the rollout's own) are a multiple of that. The tensor parallel size is 2 where nobody
sets it, which one GPU does not have.

Why: the run stops while the models load.
Source: workers/engine_workers.py:655-661 (0.9.1), :597-602 (0.8.0), :551-556 (0.7.1); workers/fsdp_workers.py of 0.7.1;
workers/rollout/replica.py:112-116; trainer/config/rollout/rollout.yaml
Bad:
    trainer.n_gpus_per_node=8 actor_rollout_ref.rollout.tensor_model_parallel_size=3
Good:
    trainer.n_gpus_per_node=8 actor_rollout_ref.rollout.tensor_model_parallel_size=4
Bad:
    trainer.n_gpus_per_node=2 actor_rollout_ref.rollout.tensor_model_parallel_size=4
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import ROLLOUT, gpus, v1_mode
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS502", "uneven-tensor-parallel", "error")

PARALLEL = tuple(f"{ROLLOUT}.{name}_parallel_size" for name in ("tensor_model", "data", "pipeline_model"))
TENSOR = PARALLEL[0]


def check(view: View) -> Iterator[Found]:
    if view.value(f"{ROLLOUT}.disaggregation.enabled"):
        return
    size = 1
    for key in PARALLEL:
        size *= view.integer(key, null=1)
    if size < 1:
        return
    own = v1_mode(view) == "separate_async"
    if own:
        nodes, each = f"{ROLLOUT}.nnodes", f"{ROLLOUT}.n_gpus_per_node"
        total = view.integer(nodes) * view.integer(each)
    else:
        nodes, each = "trainer.nnodes", "trainer.n_gpus_per_node"
        total = gpus(view)
    per_node = view.integer(each)
    if total < 1 or per_node < 1 or (total % size == 0 and size % min(per_node, size) == 0):
        return
    tensor = view.integer(TENSOR)
    default = " (default)" if view.said(TENSOR) is None else ""
    rest = "" if size == tensor else f" ({' × '.join(str(view.integer(key, null=1)) for key in PARALLEL)})"
    fits = max(d for d in range(1, max(2, min(tensor, per_node) + 1)) if per_node % d == 0)
    yield Found(
        f"{total} GPUs do not split into engines of {size}{rest}{default}",
        (TENSOR, each, nodes),
        fix=f"{TENSOR}={fits}",
        why="verl asserts it while the models load",
    )
