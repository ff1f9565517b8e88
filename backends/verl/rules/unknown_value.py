"""A word that verl compares with a few, where it keeps no list of them.

Types of weights, the old name of the schedule, the quantization of the rollout, the optimizer's class, the profiler's
tool.

Why: the run stops when the worker or the engine is made; an unknown profiler profiles nothing.
Source: utils/torch_dtypes.py:25-70 (the same in all releases), called in workers/engine/fsdp/transformer_impl.py:264
(0.9.1) and workers/fsdp_workers.py:391, :569 (0.7.1); workers/config/optimizer.py:118 (0.9.1), :117 (0.7.1), and
build_optimizer below it; workers/rollout/vllm_rollout/vllm_async_server.py:1240 (0.9.1), :887 (0.8.0), :259 (0.7.1);
workers/rollout/sglang_rollout/async_sglang_server.py:304-312 (0.9.1), :165 (0.7.1); utils/profiler/profile.py:156-178
(0.9.1); torch 2.8, torch/optim/__init__.py
Bad:
    actor_rollout_ref.actor.fsdp_config.model_dtype=float8
Good:
    actor_rollout_ref.actor.fsdp_config.model_dtype=fp32
Bad:
    actor_rollout_ref.actor.optim.optimizer=AdamW8bit
Bad:
    actor_rollout_ref.actor.optim.warmup_style=linear
Bad:
    actor_rollout_ref.rollout.quantization=int8
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from toolspec.backends.verl.lint.derived import ACTOR, REF, ROLLOUT, engine_of, has_critic, has_reference
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Severity

RULE = Rule("TS825", "unknown-value", "error")

TYPES = ("fp32", "float32", "32", "bf16", "bfloat16", "fp16", "float16", "16")
SCHEDULES = ("constant", "cosine")
OPTIMIZERS = (
    *("AdamW", "Adam", "SGD", "Adafactor", "Adagrad", "Adadelta", "Adamax", "ASGD", "LBFGS", "Muon", "NAdam"),
    *("RAdam", "RMSprop", "Rprop", "SparseAdam"),
)
TOOLS = ("nsys", "torch", "torch_memory", "npu")


class Word(NamedTuple):
    """A key, the words that it takes, and what becomes of another one."""

    key: str
    words: tuple[str, ...]
    why: str
    severity: Severity | None = None


def check(view: View) -> Iterator[Found]:
    unknown: NotKnownError | None = None
    makers: tuple[Callable[[View], Iterator[Word]], ...] = (_fsdp, _engine, _profiler)
    for make in makers:
        try:
            for word in make(view):
                try:
                    yield from _one(view, word)
                except NotKnownError as error:
                    unknown = unknown or error
        except NotKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def _one(view: View, word: Word) -> Iterator[Found]:
    if view.said(word.key) is None:
        return
    value = view.value(word.key)
    if value is None or isinstance(value, bool) or str(value) in word.words:
        return
    close = nearest(str(value), word.words)
    yield Found(
        f"{view.shown(word.key)} is {'none of ' if word.words[1:] else 'not '}{', '.join(word.words)}",
        (word.key,),
        fix=f"{word.key}={close[0] if close else word.words[0]}",
        why=word.why,
        severity=word.severity,
    )


def _fsdp(view: View) -> Iterator[Word]:
    if engine_of(view) == "megatron":
        words = ("bfloat16", "float16")
        yield Word(f"{ACTOR}.megatron.dtype", words, "verl asserts it when it reads the configuration")
    if engine_of(view) != "dp":
        return
    stops = "verl raises `unexpected precision` when it loads the model"
    yield Word(f"{ACTOR}.fsdp_config.model_dtype", TYPES, stops)
    if not view.at_least("0.8.0"):
        yield Word(f"{ACTOR}.fsdp_config.dtype", TYPES, stops)
    if has_reference(view):
        yield Word(f"{REF}.fsdp_config.model_dtype", TYPES, stops)
    if has_critic(view):
        yield Word("critic.fsdp.model_dtype", TYPES, stops)
    for role in (ACTOR, "critic") if has_critic(view) else (ACTOR,):
        yield Word(f"{role}.optim.warmup_style", SCHEDULES, "verl asserts it when it reads the configuration")
        if view.value(f"{role}.optim.optimizer_impl") == "torch.optim":
            name = str(view.value(f"{role}.optim.optimizer"))
            # A newer torch may have classes of other names; these are no names of torch's own.
            certain = name.endswith("bit") or name.startswith("_") or not name[:1].isupper()
            yield Word(
                f"{role}.optim.optimizer",
                OPTIMIZERS,
                "torch.optim has no such class; others come with optim.optimizer_impl (torchao.optim, "
                "bitsandbytes.optim)",
                None if certain else "warning",
            )


def _engine(view: View) -> Iterator[Word]:
    name, stops = view.value(f"{ROLLOUT}.name"), "verl raises a ValueError when it starts the engine"
    if name == "sglang":
        yield Word(f"{ROLLOUT}.quantization", ("fp8",), stops)
    elif name == "vllm" and not view.value(f"{ACTOR}.qat.enable"):
        words = ("fp8", "torchao", "ascend") if view.at_least("0.8.0") else ("fp8", "torchao")
        yield Word(f"{ROLLOUT}.quantization", words, stops)


def _profiler(view: View) -> Iterator[Word]:
    if view.value("global_profiler.steps"):
        words = (*TOOLS, "precision_debugger") if view.at_least("0.8.0") else TOOLS
        yield Word("global_profiler.tool", words, "verl profiles nothing, without a word", "warning")
