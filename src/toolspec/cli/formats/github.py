"""Annotations of GitHub Actions: one workflow command a finding (docs.github.com, Workflow commands)."""

from __future__ import annotations

from toolspec.cli.lint_report import Outcome
from toolspec.specs.problem import Problem

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def as_github(outcome: Outcome) -> str:
    return "".join(_line(problem) + "\n" for problem in outcome.findings)


def _line(problem: Problem) -> str:
    where = {"title": f"{problem.code} {problem.name}"}
    span = problem.span
    if span is not None:
        last = span.column + max(span.length - 1, 0)
        where |= {"file": span.file, "line": str(span.line), "col": str(span.column), "endColumn": str(last)}
    text = problem.message + "".join(
        f"\n{name}: {words}" for name, words in (("fix", problem.fix), ("why", problem.why)) if words
    )
    properties = ",".join(f"{name}={_property(value)}" for name, value in where.items())
    return f"::{_COMMANDS[problem.severity]} {properties}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
