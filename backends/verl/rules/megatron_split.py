"""Megatron's parallel sizes do not divide the GPUs or the layers.

The GPUs must be a multiple of tensor × pipeline × context parallel, and of expert tensor × expert × pipeline parallel.
The layers must split over the pipeline's stages, unless the transformer's configuration says how many each has.

Why: the run stops while the model is built.
Source: Megatron-Core parallel_state.initialize_model_parallel and TransformerConfig;
workers/engine/megatron/transformer_impl.py:268-280 (0.9.1); utils/config.py validate_config (without dynamic batches)
Bad:
    model_engine=megatron actor_rollout_ref.actor.megatron.tensor_model_parallel_size=3
    actor_rollout_ref.actor.strategy=megatron
Good:
    data.train_batch_size=32
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from toolspec.backends.verl.lint.derived import ACTOR, MODEL, engine_of, gpus, has_critic
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS511", "megatron-split", "error")

TENSOR, PIPELINE, CONTEXT = (
    f"{name}_parallel_size" for name in ("tensor_model", "pipeline_model", "context")
)
GPU_KEYS = ("trainer.n_gpus_per_node", "trainer.nnodes")


def check(view: View) -> Iterator[Found]:
    if engine_of(view) != "megatron":
        return
    roles = [ACTOR, *(["critic"] if has_critic(view) else [])]
    for role in roles:
        yield from _gpus(view, f"{role}.megatron")
    stages = view.integer(f"{ACTOR}.megatron.{PIPELINE}")
    if stages > 1 and not view.value(
        f"{ACTOR}.megatron.override_transformer_config.pipeline_model_parallel_layout"
    ):
        yield from _layers(view, stages)


def _gpus(view: View, section: str) -> Iterator[Found]:
    total = gpus(view)
    names = [TENSOR, PIPELINE, CONTEXT]
    sizes = [view.integer(f"{section}.{name}", null=1) for name in names]
    if min(sizes) < 1 or total < 1:
        return
    if total % prod(sizes):
        yield Found(
            f"{total} GPUs are no multiple of tensor × pipeline × context parallel = "
            f"{' × '.join(map(str, sizes))} = {prod(sizes)}",
            (*(f"{section}.{name}" for name in names), *GPU_KEYS),
            fix=f"{GPU_KEYS[0]}={prod(sizes)}"
            if total < prod(sizes)
            else "sizes whose product divides the GPUs",
            why="Megatron cannot make its groups of ranks",
            span=view.span(*(f"{section}.{name}" for name in names), *GPU_KEYS),
        )
        return
    expert = view.integer(f"{section}.expert_model_parallel_size", null=1)
    width = view.integer(f"{section}.expert_tensor_parallel_size", null=sizes[0])
    if expert > 1 and width > 0 and total % (expert * width * sizes[1]):
        yield Found(
            f"{total} GPUs are no multiple of expert × expert tensor × pipeline parallel = "
            f"{expert} × {width} × {sizes[1]} = {expert * width * sizes[1]}",
            (f"{section}.expert_model_parallel_size", f"{section}.expert_tensor_parallel_size", *GPU_KEYS),
            fix=f"{section}.expert_tensor_parallel_size=1",
            why="Megatron cannot make its groups of ranks",
        )


def _layers(view: View, stages: int) -> Iterator[Found]:
    """Any word on the stages in the transformer's configuration is taken for an uneven split that is meant."""
    written = list(view.said_below(f"{ACTOR}.megatron.override_transformer_config"))
    if any("pipeline" in said.key or "num_layers" in said.key for said in written):
        return
    facts = view.facts.model()
    if facts.layers and facts.layers % stages:
        key = f"{ACTOR}.megatron.{PIPELINE}"
        yield Found(
            f"{facts.name} has {facts.layers} layers, which do not split over {stages} pipeline stages",
            (key, f"{MODEL}.path"),
            fix=f"+{ACTOR}.megatron.override_transformer_config.num_layers_in_last_pipeline_stage="
            f"{facts.layers - -(-facts.layers // stages) * (stages - 1)}",
            why="Megatron asserts it while the model is built",
        )
