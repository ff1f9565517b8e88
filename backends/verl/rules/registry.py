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
    "tools_not_loaded",
    "tool_schema_refused",
    "tool_schema_lost",
    "required_unknown",
    "duplicate_tool",
    "function_tool_schema",
    "rows_name_other_tool",
    "tool_method_call",
    "prompt_names_other_tool",
    "prompt_shows_other_format",
    "parallel_calls_dropped",
    "turns_end_early",
    "prompt_without_user",
    "checkpoint_never",
    "async_save_ignored",
    "resumes_finished_run",
    "sweep_in_one_folder",
    "wandb_without_key",
    "arguments_lost",
    "ray_cpus_in_cluster",
    "ray_sees_all_cpus",
    "job_too_small",
    "secret_by_value",
    "unknown_verl_key",
    "dead_verl_key",
    "moved_verl_key",
    "unknown_name",
    "code_file_missing",
    "python_syntax",
    "function_not_found",
    "loaded_file_imports",
    "dataclass_in_loaded_file",
    "keyword_call",
    "reward_without_score",
    "reward_value_type",
    "reward_keys_differ",
    "reward_key_taken",
    "extra_info_missing",
    "overlong_penalty",
    "metric_not_returned",
    "no_reward_for_source",
    "manager_source",
    "reward_model_incomplete",
    "reward_setting_unread",
    "constant_reward",
    "answer_never_read",
    "no_format_term",
    "answer_anywhere",
    "paid_for_text",
    "failure_paid",
    "tool_response_trusted",
    "reward_prints",
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
