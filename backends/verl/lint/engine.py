"""Runs rules over a view: findings, and which rules could not be applied for want of what."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from toolspec.backends.verl.lint.not_known import NothingError, NotKnownError
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.rules.registry import Loaded
from toolspec.specs.problem import Edit, Problem


class Skipped(NamedTuple):
    """A rule that could not be applied. needs: what to provide."""

    rule: Rule
    needs: str


class Report(NamedTuple):
    """What the rules say of one run."""

    findings: tuple[Problem, ...]
    checked: tuple[Rule, ...]
    skipped: tuple[Skipped, ...]


def apply(view: View, rules: Iterable[Loaded]) -> Report:
    """Every rule over one run. A rule that asks for what is not known is skipped, with what it had found before."""
    findings: list[Problem] = []
    checked: list[Rule] = []
    skipped: list[Skipped] = []
    for rule, check in rules:
        try:
            for found in check(view):
                findings.append(problem(view, rule, found))
            checked.append(rule)
        except NothingError:
            checked.append(rule)
        except NotKnownError as error:
            skipped.append(Skipped(rule, error.needs))
        except Exception as error:
            if os.environ.get("TOOLSPEC_DEBUG"):
                raise
            findings.append(_fault(view, rule, error))
    return Report(tuple(dict.fromkeys(findings)), tuple(checked), tuple(skipped))


def _fault(view: View, rule: Rule, error: Exception) -> Problem:
    """What a rule does that is wrong with itself: said, so that the others are heard all the same."""
    return Problem(
        "TS019",
        "own-fault",
        f"a fault of toolspec's own in the rule {rule.name}: {type(error).__name__}: {error}",
        view.run.span,
        fix="Please report it; TOOLSPEC_DEBUG=1 shows the traceback.",
        severity="warning",
    )


def problem(view: View, rule: Rule, found: Found) -> Problem:
    """A finding with the rule's name on it, and its keys in the target's names."""
    keys = tuple(view.name(key) for key in found.keys)
    said = next((view.said(key) for key in found.keys if view.said(key) is not None), None)
    span = found.span or (said.span if said is not None else view.run.span)
    path = said.path if said is not None else ""
    severity = found.severity or rule.severity
    fix = found.fix
    if view.run.spec is not None and "=" in fix:
        from toolspec.backends.verl.lint.spec_run import in_spec_words

        fix = in_spec_words(fix, view.run)
    edits: tuple[Edit, ...] = ()
    if found.changes:
        from toolspec.backends.verl.lint.edits import edits_of

        edits = edits_of(view, found.changes)
    return Problem(
        rule.code,
        rule.name,
        found.message,
        span,
        path,
        found.why,
        fix,
        severity,
        keys,
        edits,
        found.safe and bool(edits),
    )
