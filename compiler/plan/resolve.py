"""Spec and facts → plan. Pure: the same input gives the same plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from toolspec.compiler.facts.gather import Facts
from toolspec.compiler.plan.algorithm import decide_algorithm
from toolspec.compiler.plan.budget import (
    decide_budget,
    decide_checkpoint,
    decide_cluster,
    decide_evaluation,
    decide_tracking,
)
from toolspec.compiler.plan.decision import Plan
from toolspec.compiler.plan.draft import Draft
from toolspec.compiler.plan.engine import decide_model, decide_rollout, decide_train
from toolspec.compiler.plan.parts import decide_agent, decide_data, decide_places, decide_reward, decide_tools
from toolspec.compiler.plan.relations import check_relations
from toolspec.compiler.plan.unused import check_unused
from toolspec.specs.loading import LoadedSpec
from toolspec.specs.problem import ProblemError, in_file_order


def resolve(
    loaded: LoadedSpec,
    facts: Facts,
    target: str,
    bundle: Path,
    default_trainer: Callable[[str, str], tuple[str, str]],
) -> Plan:
    """As `decide`. Raises ProblemError with every relation that does not hold."""
    draft = decide(loaded, facts, target, bundle, default_trainer)
    errors = [problem for problem in draft.problems if problem.severity == "error"]
    if errors:
        raise ProblemError(in_file_order(errors))
    return draft.plan(target)


def decide(
    loaded: LoadedSpec,
    facts: Facts,
    target: str,
    bundle: Path,
    default_trainer: Callable[[str, str], tuple[str, str]],
) -> Draft:
    """Every decision for `loaded`, in the order in which `toolspec plan` shows them, with the problems of relations.

    target: a release. bundle: the folder that relative paths are written from. default_trainer: (release, algorithm)
    → (trainer, reason), the backend's own.
    """
    draft = Draft(loaded)
    decide_budget(draft, facts.prompts)
    decide_algorithm(draft)
    decide_cluster(draft)
    decide_model(draft, facts.model)
    decide_rollout(draft, facts.model, facts.gpu)
    trainer, why = default_trainer(target, draft.spec.algorithm.name)
    decide_train(draft, trainer, why)
    decide_evaluation(draft)
    decide_checkpoint(draft)
    decide_tracking(draft)
    decide_tools(draft, facts)
    decide_reward(draft, facts)
    decide_agent(draft, facts)
    decide_data(draft, facts, bundle)
    decide_places(draft, facts, bundle)
    check_relations(draft)
    check_unused(draft)
    return draft
