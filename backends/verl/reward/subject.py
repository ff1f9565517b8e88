"""From a compiled spec to what the analysis is asked: the bundle's ts_reward.json and the budget."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from toolspec.backends.verl.compile import Compiled
from toolspec.backends.verl.emit.side_files import reward_json
from toolspec.backends.verl.reward.rows import Rows, needs_of, rows_of
from toolspec.backends.verl.reward.tried import tried
from toolspec.compiler.reward.analysis import Analysis, analyse
from toolspec.compiler.reward.cases import asks_rows
from toolspec.compiler.reward.groups import Signal, signal
from toolspec.compiler.reward.vector import MANY, Budget


class Subject(NamedTuple):
    """settings: the bundle's ts_reward.json."""

    name: str
    release: str
    settings: Mapping[str, Any]
    budget: Budget


def subject_of(compiled: Compiled) -> Subject:
    plan = compiled.plan
    settings: dict[str, Any] = json.loads(reward_json(plan, compiled.facts))
    tools = bool(plan["tools.names"])
    turns, waits = plan.number("budget.turns"), plan.number("budget.user_turns")
    budget = Budget(
        # A turn of the tools is followed by one of the policy, whatever it says (tool_agent_loop.py
        # `_handle_generating_state` of the three releases).
        min(turns, waits + 1) if waits else turns,
        plan.number("rollout.parallel_calls") if tools else 0,
        plan.number("budget.trajectory_tokens"),
        executions=plan.number("budget.calls") or MANY,
    )
    return Subject(plan.name, plan.target, settings, budget)


class Report(NamedTuple):
    """analysis: None where the reward is one Python function, of which nothing can be proved.

    rows_missing: why no rows are at hand, "" where some are.
    """

    subject: Subject
    analysis: Analysis | None
    signal: Signal | None
    rows_missing: str = ""


def report_of(compiled: Compiled, numbers: bool = True, rows: Rows | None = None) -> Report:
    """numbers: intervals and repairs too. rows: as `rows_of` has them, where they are known."""
    subject = subject_of(compiled)
    if "terms" not in subject.settings:
        return Report(subject, None, None)
    found_rows, missing = rows_of(compiled) if rows is None else rows
    needs = needs_of(found_rows) if asks_rows(subject.settings) else None
    found = analyse(subject.settings, subject.budget, numbers, needs, tried(subject.settings, found_rows))
    plan = compiled.plan
    told = signal(
        found.reward,
        found.budget,
        str(plan["algorithm.estimator"]),
        plan.number("algorithm.group"),
        bool(plan["algorithm.normalize"]),
        str(plan["algorithm.kl.where"]),
        float(plan["algorithm.kl.coef"]),
        plan.number("budget.trajectory_tokens"),
    )
    return Report(subject, found, told, missing)
