"""SARIF 2.1.0, as code scanning reads it (docs.oasis-open.org/sarif/sarif/v2.1.0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from toolspec import __version__
from toolspec.backends.verl.lint.pages import page_of
from toolspec.backends.verl.rules.registry import rules
from toolspec.cli.lint_report import Outcome
from toolspec.specs.problem import Problem, Span

LEVELS: Mapping[str, str] = {"error": "error", "warning": "warning", "note": "note"}


def as_sarif(outcome: Outcome) -> dict[str, Any]:
    """One run. Columns are counted in Unicode characters, as toolspec's are."""
    codes = list(dict.fromkeys(problem.code for problem in outcome.findings))
    names = {problem.code: problem.name for problem in outcome.findings}
    pages = {entry.rule.code: page_of(entry) for entry in rules()}
    described = []
    for code in codes:
        page = pages.get(code)
        rule: dict[str, Any] = {"id": code, "name": names[code]}
        if page is not None:
            rule |= {
                "shortDescription": {"text": page.title},
                "fullDescription": {"text": " ".join(page.text.split()) or page.title},
                "help": {"text": f"{page.why} Source: {page.source}"},
            }
        described.append(rule)
    notes = [
        {"level": "note", "message": {"text": f"{code} {name} was not checked: it needs {needs}"}}
        for code, name, needs in outcome.skipped
    ]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "toolspec", "version": __version__, "rules": described}},
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(problem, codes.index(problem.code), _place(problem, outcome))
                    for problem in outcome.findings
                ],
                "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
            }
        ],
    }


def _place(problem: Problem, outcome: Outcome) -> Span | None:
    """Where a finding is, or its input: code scanning refuses a whole file for one result without a location."""
    if problem.span is not None or not outcome.results:
        return problem.span
    files = [result.file for result in outcome.results if problem in result.findings]
    return Span(files[0] if files else outcome.results[0].file, 1, 1)


def _result(problem: Problem, rule: int, span: Span | None) -> dict[str, Any]:
    text = problem.message + "".join(
        f"\n{name}: {words}" for name, words in (("fix", problem.fix), ("why", problem.why)) if words
    )
    found: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": LEVELS[problem.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": _location(span)}] if span is not None else [],
    }
    if problem.keys or problem.path:
        found["properties"] = {"keys": list(problem.keys), "specPath": problem.path}
    if problem.edits:
        found["fixes"] = [{"description": {"text": problem.fix}, "artifactChanges": _changes(problem)}]
    return found


def _location(span: Span) -> dict[str, Any]:
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.line,
        "endColumn": span.column + max(span.length, 1),
    }
    return {"artifactLocation": {"uri": _uri(span.file)}, "region": region}


def _uri(file: str) -> str:
    """A relative path with slashes, percent-encoded where a URI needs it."""
    from urllib.parse import quote

    return quote(PurePath(file).as_posix())


def _changes(problem: Problem) -> Sequence[dict[str, Any]]:
    files: dict[str, list[dict[str, Any]]] = {}
    for edit in problem.edits:
        region = {
            "startLine": edit.span.line,
            "startColumn": edit.span.column,
            "endLine": edit.end[0],
            "endColumn": edit.end[1],
        }
        files.setdefault(edit.span.file, []).append(
            {"deletedRegion": region, "insertedContent": {"text": edit.text}}
        )
    return [{"artifactLocation": {"uri": _uri(file)}, "replacements": made} for file, made in files.items()]
