"""A number that leaves nothing to train, or that an engine refuses.

verl tests hardly any number. A size of 0 divides by zero or makes an empty batch, an engine takes `top_p` from above
0 to 1 and no temperature below 0, a gradient that is clipped to 0 is 0.

Why: the run stops after the models have loaded, or trains nothing.
Source: vLLM and SGLang SamplingParams (verify); torch clip_grad_norm_, called in
workers/engine/fsdp/transformer_impl.py (0.9.1: :810); experimental/agent_loop/tool_agent_loop.py (0.9.1: :317, a
slice of the calls); trainer/ppo/core_algos.py get_kl_controller (0.9.1: :209);
workers/rollout/vllm_rollout/utils.py:83-98 (get_vllm_max_lora_rank); trainer/ppo/v1/trainer_base.py and
trainer/ppo/ray_trainer.py of each release
Bad:
    actor_rollout_ref.rollout.n=0
Good:
    actor_rollout_ref.rollout.n=8
Bad:
    actor_rollout_ref.rollout.top_p=1.5
Bad:
    actor_rollout_ref.actor.grad_clip=0
Bad:
    algorithm.use_kl_in_reward=True algorithm.kl_ctrl.type=adaptive algorithm.kl_ctrl.horizon=0
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from toolspec.backends.verl.lint.derived import (
    ACTOR,
    MODEL,
    MULTI_TURN,
    PROMPT_LENGTH,
    RESPONSE_LENGTH,
    ROLLOUT,
    has_critic,
)
from toolspec.backends.verl.lint.not_known import NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Severity

RULE = Rule("TS823", "number-out-of-range", "error")


class Range(NamedTuple):
    """low, high: what a value may be, both included; above: that `low` itself may not be."""

    key: str
    low: float
    high: float | None
    why: str
    above: bool = False
    severity: Severity | None = None


SIZE = "there is nothing to divide by it, and the run stops"
NOTHING = "nothing is trained"
REFUSED = "the engine refuses it at the first request"
RANGES = (
    Range("data.train_batch_size", 1, None, SIZE),
    Range(f"{ROLLOUT}.n", 1, None, "a prompt has no trajectory"),
    Range(f"{ROLLOUT}.val_kwargs.n", 1, None, "a validation prompt has no trajectory"),
    Range(f"{ACTOR}.ppo_mini_batch_size", 1, None, SIZE),
    Range(f"{ACTOR}.ppo_micro_batch_size_per_gpu", 1, None, SIZE),
    Range(f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu", 1, None, SIZE),
    Range("actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu", 1, None, SIZE),
    Range("critic.ppo_mini_batch_size", 1, None, SIZE),
    Range("critic.ppo_micro_batch_size_per_gpu", 1, None, SIZE),
    Range(f"{ACTOR}.ppo_epochs", 1, None, NOTHING),
    Range("critic.ppo_epochs", 1, None, "the critic is not trained"),
    Range("trainer.total_epochs", 1, None, NOTHING),
    Range("trainer.total_training_steps", 1, None, NOTHING),
    Range("trainer.n_gpus_per_node", 1, None, SIZE),
    Range("trainer.nnodes", 1, None, SIZE),
    Range(f"{ROLLOUT}.tensor_model_parallel_size", 1, None, SIZE),
    Range(f"{ROLLOUT}.agent.num_workers", 1, None, "no agent loop runs"),
    Range(PROMPT_LENGTH, 1, None, "no prompt fits"),
    Range(RESPONSE_LENGTH, 1, None, "no token is generated"),
    Range(
        f"{MULTI_TURN}.max_parallel_calls",
        1,
        None,
        "it cuts the calls of a turn: 0 runs none, -1 all but the last",
    ),
    Range(f"{ACTOR}.grad_clip", 0, None, "every gradient is scaled to 0, and nothing is trained", above=True),
    Range(
        "critic.grad_clip",
        0,
        None,
        "every gradient is scaled to 0, and the critic is not trained",
        above=True,
    ),
    Range(f"{ROLLOUT}.temperature", 0, None, REFUSED),
    Range(f"{ROLLOUT}.val_kwargs.temperature", 0, None, REFUSED),
    Range(f"{ROLLOUT}.top_p", 0, 1, REFUSED, above=True),
    Range(f"{ROLLOUT}.val_kwargs.top_p", 0, 1, REFUSED, above=True),
    Range(f"{ACTOR}.clip_ratio_low", 0, None, "the clipped range is empty"),
    Range(f"{ACTOR}.clip_ratio_high", 0, None, "the clipped range is empty"),
    Range(
        f"{ACTOR}.optim.weight_decay",
        0,
        None,
        "torch's optimizers raise a ValueError; others make the weights grow",
        severity="warning",
    ),
    Range(
        f"{ACTOR}.optim.lr_warmup_steps_ratio",
        0,
        1,
        "the rate is not reached before the run ends",
        severity="warning",
    ),
    Range(
        "trainer.v1.sampler.max_off_policy_threshold",
        1,
        None,
        "verl asserts it when the trainer starts; null is no limit",
    ),
    Range(f"{ROLLOUT}.max_num_seqs", 1, None, "vLLM refuses to start"),
    Range(f"{ACTOR}.loss_scale_factor", 0, None, "the loss is divided by it", above=True),
    Range(
        f"{MODEL}.lora_rank",
        0,
        512,
        "verl's validate_config raises a ValueError for vLLM, whose largest rank that is",
    ),
    Range(
        "algorithm.kl_ctrl.horizon",
        1,
        None,
        "verl asserts it when the trainer starts, for kl_ctrl.type=adaptive",
    ),
    Range(
        f"{ACTOR}.kl_loss_coef", 0, None, "it pays for distance from the reference model", severity="warning"
    ),
    Range(
        "algorithm.kl_ctrl.kl_coef",
        0,
        None,
        "it pays for distance from the reference model",
        severity="warning",
    ),
    Range(
        f"{ACTOR}.entropy_coeff",
        0,
        None,
        "the entropy bonus becomes a penalty: the loss subtracts entropy_coeff × entropy",
        severity="warning",
    ),
    Range(
        "algorithm.gamma",
        0,
        1,
        "returns grow without bound, or change their sign",
        severity="warning",
    ),
    Range("algorithm.lam", 0, 1, "advantages grow without bound", severity="warning"),
)

# Keys that are looked at only where another has this value.
READ_IF: Mapping[str, tuple[tuple[str, Any], ...]] = {
    "algorithm.kl_ctrl.horizon": (
        ("algorithm.use_kl_in_reward", True),
        ("algorithm.kl_ctrl.type", "adaptive"),
    ),
    "trainer.v1.sampler.max_off_policy_threshold": (("trainer.use_v1", True),),
    f"{ROLLOUT}.max_num_seqs": ((f"{ROLLOUT}.name", "vllm"),),
    f"{ACTOR}.loss_scale_factor": ((f"{ACTOR}.loss_agg_mode", "seq-mean-token-sum-norm"),),
    f"{MODEL}.lora_rank": ((f"{ROLLOUT}.name", "vllm"), (f"{MODEL}.lora.merge", False)),
    "algorithm.kl_ctrl.kl_coef": (("algorithm.use_kl_in_reward", True),),
    f"{ACTOR}.kl_loss_coef": ((f"{ACTOR}.use_kl_loss", True),),
}


def check(view: View) -> Iterator[Found]:
    unknown: NotKnownError | None = None
    for asked in RANGES:
        try:
            yield from _one(view, asked)
        except NotKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def _one(view: View, asked: Range) -> Iterator[Found]:
    said = view.said(asked.key)
    if said is None or (asked.key.startswith("critic.") and not has_critic(view)):
        return
    if any((view.value(key) or False) != value for key, value in READ_IF.get(asked.key, ())):
        return
    if asked.key.startswith("trainer.total_") and view.value("trainer.val_only"):
        return
    value = view.value(asked.key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return  # null, or of another type
    if (
        value < asked.low
        or (asked.above and value == asked.low)
        or (asked.high is not None and value > asked.high)
    ):
        yield Found(
            f"{view.shown(asked.key)} is not {_words(asked)}",
            (asked.key,),
            fix=f"{asked.key}={_nearest(asked, value)}" if not asked.above or value > asked.low else "",
            why=asked.why,
            severity=asked.severity,
        )


def _words(asked: Range) -> str:
    low = f"above {asked.low:g}" if asked.above else f"{asked.low:g} or more"
    return low if asked.high is None else f"{low} and at most {asked.high:g}"


def _nearest(asked: Range, value: float) -> str:
    return f"{asked.high:g}" if asked.high is not None and value > asked.high else f"{asked.low:g}"
