"""The list of rules, in the order of their codes."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from toolspec.backends.verl.lint.rule import Check, Rule

MODULES: tuple[str, ...] = (
    "uneven_batch",
    "group_of_one",
    "kl_twice",
    "micro_batch_missing",
    "tools_never_run",
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
    "old_section_incomplete",
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
    "data_file",
    "home_not_expanded",
    "validation_on_training",
    "validation_overlap",
    "missing_column",
    "row_value",
    "no_answer",
    "no_rows",
    "unreadable_rows",
    "mixed_types",
    "batch_above_rows",
    "rows_left_over",
    "long_validation",
    "null_tool_arguments",
    "media_of_rows",
    "agent_name_unknown",
    "loader_settings",
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
