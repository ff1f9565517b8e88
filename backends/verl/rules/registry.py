"""The list of rules, in the order of their codes."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from toolspec.backends.verl.lint.rule import Check, Rule

MODULES: tuple[str, ...] = (
    "uneven_batch",
    "uneven_ranks",
    "uneven_micro_batch",
    "micro_batch_missing",
    "whole_batch_micro_size",
    "dynamic_batch_mismatch",
    "generation_batch",
    "separate_async_settings",
    "group_of_one",
    "kl_twice",
    "kl_coefficient_unused",
    "kl_of_zero",
    "clip_ratio_unread",
    "clip_turned_round",
    "loss_settings",
    "greedy_group",
    "validation_greedy",
    "equal_samples",
    "group_filter",
    "log_probs_missing",
    "estimator_needs",
    "critic_left_at_default",
    "critic_without_use",
    "actor_never_trained",
    "learning_rate_schedule",
    "run_shorter_than_asked",
    "lora_of_other_engine",
    "token_budget_too_small",
    "uneven_tensor_parallel",
    "uneven_workers",
    "sequence_parallel_padded",
    "uneven_sequence_parallel",
    "attention_heads",
    "sequence_parallel_no_op",
    "rollout_parallel",
    "megatron_split",
    "memory_share",
    "crowded_gpu",
    "engine_share_too_small",
    "training_state_too_large",
    "critic_attention",
    "other_engine_arguments",
    "batched_tokens",
    "empty_pool",
    "shard_size",
    "strategy_of_other_engine",
    "offload_unread",
    "tools_never_run",
    "unknown_verl_key",
    "dead_verl_key",
    "moved_verl_key",
    "unknown_name",
)


class Loaded(NamedTuple):
    """A rule with its function."""

    rule: Rule
    check: Check


def rules() -> tuple[Loaded, ...]:
    """Every rule, by code."""
    loaded = []
    for name in MODULES:
        module = import_module(f"toolspec.backends.verl.rules.{name}")
        loaded.append(Loaded(module.RULE, module.check))
    return tuple(sorted(loaded, key=lambda entry: entry.rule.code))
