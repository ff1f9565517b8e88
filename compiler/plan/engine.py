"""Decisions on the model, the rollout engine and the split of the update over GPUs."""

from __future__ import annotations

from toolspec.compiler.facts.catalogue import GpuFacts, ModelFacts
from toolspec.compiler.plan.draft import Draft

# Share of the engine's memory that its weights may take, the rest being KV cache and activations.
WEIGHTS_SHARE = 0.6
# verl's default token budget (ppo_max_token_len_per_gpu): kept unless two of the longest sequences need more.
TOKEN_BUDGET = 16384
# Memory assumed for a GPU that the spec does not name: the 80 GB that most published runs use.
ASSUMED_GPU_GIB = 80.0


def decide_model(draft: Draft, facts: ModelFacts | None) -> None:
    """Adds `model.*`. Needs `budget.sequence_tokens`."""
    model = draft.spec.model
    draft.take(model, "path", "model")
    draft.choose(model, "revision", "model", "main", "default: the repository's main branch")
    draft.choose(model, "chat_template", "model", "own", "default: the model's own")
    _decide_tool_format(draft, facts)
    draft.take(model, "trust_remote_code", "model")
    draft.take(model, "dtype", "model")
    attention = draft.choose(model, "attention", "model", "flash_attention_2", "default: verl's own choice")
    draft.choose(model, "thinking", "model", "template", "default: the template's own")
    longest = draft.value("budget.sequence_tokens")
    limit = draft.choose(
        model, "max_model_len", "model", longest, "derived: prompt_tokens + trajectory_tokens"
    )
    if limit < longest:
        draft.problem(
            "TS203",
            "model-length-too-small",
            f"max_model_len {limit} is below prompt_tokens + trajectory_tokens = {longest}",
            "model.max_model_len",
            why="the engine cuts every trajectory short of its budget",
            fix=f"max_model_len: {longest}, or auto",
        )
    positions = facts.max_position_embeddings if facts is not None else None
    if positions is not None and limit > positions:
        draft.problem(
            "TS204",
            "beyond-positions",
            f"{limit} tokens are more than the model's {positions} positions",
            "model.max_model_len" if model.max_model_len != "auto" else "budget.trajectory_tokens",
            why="the engine refuses to start (max_model_len above max_position_embeddings)",
            fix=f"keep prompt_tokens + trajectory_tokens within {positions}",
        )
    lora = model.lora
    if lora is None:
        draft.add("model.lora.rank", 0, "default", "default: all weights are trained")
    else:
        draft.take(lora, "rank", "model.lora")
        draft.choose(lora, "alpha", "model.lora", lora.rank, "derived: the rank, a scale of 1")
        draft.take(lora, "targets", "model.lora")
    draft.add(
        "model.remove_padding",
        attention == "flash_attention_2",
        "derived",
        f"packed batches need flash-attn's kernels; attention is {attention}",
        ("model.attention",),
    )


def _decide_tool_format(draft: Draft, facts: ModelFacts | None) -> None:
    model = draft.spec.model
    known = facts.tool_format if facts is not None else None
    if not draft.spec.tools and model.tool_format == "auto":
        draft.add("model.tool_format", known or "hermes", "default", "default: no tools")
        return
    origin = facts.origin if facts is not None else ""
    draft.choose(model, "tool_format", "model", known or "unknown", f"derived: {origin}")
    if draft.value("model.tool_format") == "unknown":
        draft.problem(
            "TS043",
            "unknown-tool-format",
            f"how {model.path} writes a call is not known",
            "model.path",
            why="with a wrong parser every call is read as text and no tool ever runs",
            fix="say it: model: {path: …, tool_format: hermes}",
        )


def decide_rollout(draft: Draft, facts: ModelFacts | None, gpu: GpuFacts | None) -> None:
    """Adds `rollout.*`. Needs `model.*`, `cluster.*`, `algorithm.trajectories`."""
    rollout = draft.spec.rollout
    for name in ("engine", "temperature", "top_p", "top_k"):
        draft.take(rollout, name, "rollout")
    share = draft.choose(rollout, "gpu_memory", "rollout", 0.5, "default: training sits on the same GPUs")
    gpus = draft.value("cluster.gpus")
    parallel, why = _fewest_gpus(facts, gpu, share, gpus)
    size = draft.choose(rollout, "tensor_parallel", "rollout", parallel, why)
    # An engine may span whole nodes (workers/rollout/replica.py:113-117, async servers' `nnodes`, all releases).
    nodes = draft.value("cluster.nodes")
    if gpus % size and (size % gpus or gpus * nodes % size):
        split = f"{nodes} × {gpus} GPUs do not" if size > gpus else f"{gpus} GPUs a node do not"
        draft.problem(
            "TS502",
            "uneven-tensor-parallel",
            f"{split} split into engines of {size}",
            "rollout.tensor_parallel",
            why="an engine is a part of a node that divides it, or whole nodes",
            fix=f"tensor_parallel: {max(d for d in range(1, size) if gpus % d == 0)}",
        )
    draft.take(rollout, "parallel_calls", "rollout")
    trajectories = draft.value("algorithm.trajectories")
    workers = max(w for w in range(1, 9) if trajectories % w == 0)
    chosen = draft.choose(
        rollout,
        "workers",
        "rollout",
        workers,
        f"derived: the most, up to 8, that divide {trajectories} trajectories",
    )
    if trajectories % chosen:
        draft.problem(
            "TS503",
            "uneven-workers",
            f"{trajectories} trajectories a step do not split over {chosen} workers",
            "rollout.workers",
            why="verl splits the batch into equal parts and stops otherwise",
            fix=f"workers: {workers}, or auto",
        )
    limit = draft.value("model.max_model_len")
    draft.choose(
        rollout,
        "max_batched_tokens",
        "rollout",
        max(8192, limit),
        f"derived: verl's 8192, at least one sequence of {limit}",
    )
    draft.choose(rollout, "max_sequences", "rollout", 256, "default")
    draft.take(rollout, "eager", "rollout")
    draft.take(rollout, "free_cache", "rollout")
    draft.choose(rollout, "seed", "rollout", "release", "default: the release's")
    draft.take(rollout, "engine_options", "rollout")
    lora = draft.value("model.lora.rank")
    draft.add(
        "rollout.load_format",
        "safetensors" if lora else "dummy",
        "derived",
        "adapters are laid over the engine's own copy of the base"
        if lora
        else "the trainer sends the weights",
    )


def _fewest_gpus(facts: ModelFacts | None, gpu: GpuFacts | None, share: float, gpus: int) -> tuple[int, str]:
    """The smallest tensor-parallel size whose GPUs hold the weights (2 bytes a parameter), with the arithmetic."""
    if facts is None or not facts.parameters:
        return 1, "derived: the model's size is not known"
    memory = gpu.memory_gib if gpu is not None else ASSUMED_GPU_GIB
    weights = facts.parameters * 2 / 2**30
    room = memory * share * WEIGHTS_SHARE
    fitting = [d for d in range(1, gpus + 1) if gpus % d == 0 and weights / d <= room]
    size = fitting[0] if fitting else gpus
    assumed = "" if gpu is not None else ", 80 GiB assumed"
    return size, f"derived: {weights:.1f} GiB of weights, {room:.0f} GiB of a GPU for them{assumed}"


def decide_train(draft: Draft, trainer: str, trainer_why: str) -> None:
    """Adds `train.*`. `trainer`: what `auto` means for the target and the algorithm, from the backend."""
    train = draft.spec.train
    draft.choose(train, "trainer", "train", trainer, trainer_why)
    draft.take(train, "strategy", "train")
    _decide_offload(draft)
    draft.take(train, "gradient_checkpointing", "train")
    parallel = draft.take(train, "sequence_parallel", "train")
    longest = draft.value("budget.sequence_tokens")
    if train.micro_batch is not None:
        draft.add("train.dynamic", False, "derived", "train.micro_batch is fixed", ("train.micro_batch",))
        draft.take(train, "micro_batch", "train")
    else:
        draft.add("train.dynamic", True, "default", "default: batches by tokens")
        budget = draft.choose(
            train,
            "token_budget",
            "train",
            max(TOKEN_BUDGET, 2 * longest),
            f"derived: the larger of {TOKEN_BUDGET} and two of the longest sequences, 2 × {longest}",
        )
        if budget * parallel < longest:
            draft.problem(
                "TS205",
                "token-budget-too-small",
                f"a token budget of {budget} × {parallel} cannot hold one sequence of {longest} tokens",
                "train.token_budget",
                why="verl stops at the first such batch",
                fix=f"token_budget: {-(-longest // parallel)}, or auto",
            )
    _check_sequence_parallel(draft, parallel)
    draft.take(train, "compile", "train")
    draft.choose(train, "seed", "train", 42, "default")


def _decide_offload(draft: Draft) -> None:
    offload = draft.spec.train.offload
    given = "offload" in draft.spec.train.model_fields_set
    for role in ("actor", "ref", "critic"):
        word = getattr(offload, role)
        source = ("train.offload",) if given and role in offload.model_fields_set else ()
        for part, words in (("params", ("params", "all")), ("optimizer", ("optimizer", "all"))):
            if role == "ref" and part == "optimizer":
                continue
            path = f"train.offload.{role}.{part}"
            if word == "auto" or not source:
                draft.add(path, False, "default", "default")
            else:
                draft.add(path, word in words, "given", "train.offload", source)


def _check_sequence_parallel(draft: Draft, parallel: int) -> None:
    if parallel == 1:
        return
    if not draft.value("model.remove_padding"):
        draft.problem(
            "TS504",
            "sequence-parallel-padded",
            f"sequence_parallel {parallel} needs packed batches, and attention is "
            f"{draft.value('model.attention')}",
            "train.sequence_parallel",
            why="verl refuses it without use_remove_padding",
            fix="model.attention: flash_attention_2, or sequence_parallel: 1",
        )
    world = draft.value("cluster.world_size")
    if world % parallel:
        draft.problem(
            "TS505",
            "uneven-sequence-parallel",
            f"{world} GPUs do not split into groups of {parallel}",
            "train.sequence_parallel",
            fix=f"sequence_parallel: {max(d for d in range(1, parallel) if world % d == 0)}",
        )
