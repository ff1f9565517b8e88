"""What lint prints: findings, and what it could not check or took for granted. Text for people, JSON for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.lint.lint import Linted
from toolspec.specs.excerpt import render, summary, to_json
from toolspec.specs.problem import Problem, in_file_order

FEW = 6  # rules that were not checked, as listed without --verbose


class Outcome(NamedTuple):
    """All that one call found. silenced: by comments; known: by the baseline. fixed: edits of `--fix`, by finding."""

    results: tuple[Linted, ...]
    findings: tuple[Problem, ...]
    silenced: int = 0
    known: int = 0
    fixed: int = 0

    @property
    def sources(self) -> dict[str, Sequence[str]]:
        return {name: lines for result in self.results for name, lines in result.sources.items()}

    @property
    def checked(self) -> dict[str, str]:
        """Code → name of every rule that was applied to some input."""
        return {rule.code: rule.name for result in self.results for rule in result.checked}

    @property
    def skipped(self) -> list[tuple[str, str, str]]:
        """(code, name, needs) of every rule that could not be applied to some input, each once."""
        found = ((s.rule.code, s.rule.name, s.needs) for result in self.results for s in result.skipped)
        return sorted(dict.fromkeys(found))

    @property
    def assumed(self) -> list[str]:
        return list(dict.fromkeys(text for result in self.results for text in result.assumed))


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The contract, version 1 (docs/lint.schema.json)."""
    return {
        "version": 1,
        "findings": to_json(outcome.findings),
        "coverage": {
            "checked": sorted(outcome.checked),
            "skipped": [
                {"code": code, "name": name, "needs": needs} for code, name, needs in outcome.skipped
            ],
            "assumed": outcome.assumed,
        },
        "silenced": outcome.silenced,
        "baseline": outcome.known,
        "fixed": outcome.fixed,
    }


def as_text(outcome: Outcome, colour: bool, width: int, verbose: bool) -> str:
    """Every finding with its line, then the coverage; one line where nothing was found."""
    findings = in_file_order(outcome.findings)
    coverage = _coverage(outcome, verbose)
    if not findings:
        names = ", ".join(result.file for result in outcome.results[:4])
        more = f" and {len(outcome.results) - 4} more" if len(outcome.results) > 4 else ""
        lines = [
            f"{names}{more}: ok{coverage}"
            if names
            else "no specs, verl configs or scripts of it: nothing to lint"
        ]
    else:
        body = render(findings, outcome.sources, colour, width, rules=True)
        text = body.rstrip("\n")
        head, _, _ = text.rpartition("\n")
        lines = [head.rstrip("\n"), "", summary(findings) + coverage]
    if verbose or (findings and outcome.skipped):
        lines += _not_checked(outcome.skipped, width, verbose)
    if verbose:
        lines += _assumed(outcome.assumed, width)
    return "\n".join(lines) + "\n"


def _coverage(outcome: Outcome, verbose: bool) -> str:
    """` · 118 rules checked · 2 not checked`."""
    parts = [f"{len(outcome.checked)} rules checked"]
    codes = {code for code, _, _ in outcome.skipped}
    if codes:
        parts.append(f"{len(codes)} not checked" + ("" if verbose or outcome.findings else " (--verbose)"))
    if outcome.assumed and not verbose:
        parts.append(f"{len(outcome.assumed)} assumed (--verbose)")
    if outcome.silenced:
        parts.append(f"{outcome.silenced} silenced")
    if outcome.fixed:
        parts.append(f"{outcome.fixed} fixed")
    fixable = [problem.safe for problem in outcome.findings if problem.edits]
    if fixable:
        safe = sum(fixable)
        more = f"{len(fixable) - safe} with --unsafe-fixes" if safe < len(fixable) else ""
        parts.append(" and ".join(filter(None, (f"{safe} fixable with --fix" if safe else "", more))))
    if outcome.known:
        parts.append(f"{outcome.known} in the baseline")
    return " · " + " · ".join(parts)


def _not_checked(skipped: Sequence[tuple[str, str, str]], width: int, verbose: bool) -> list[str]:
    by_need: dict[str, list[tuple[str, str]]] = {}
    for code, name, needs in skipped:
        by_need.setdefault(needs, []).append((code, name))
    listed = sorted(by_need.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    shown = listed if verbose else listed[:FEW]
    lines = []
    for needs, rules in shown:
        names = ", ".join(f"{code} {name}" for code, name in (rules if verbose else rules[:3]))
        more = f" and {len(rules) - 3} more" if len(rules) > 3 and not verbose else ""
        text = f"not checked: {names}{more}: needs {needs}"
        lines += textwrap.wrap(
            text, width - 2, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )
    if len(listed) > len(shown):
        lines.append(f"  … and {len(listed) - len(shown)} more needs (--verbose)")
    return lines


def _assumed(texts: Iterable[str], width: int) -> list[str]:
    return [
        line
        for text in texts
        for line in textwrap.wrap(
            f"assumed: {text}", width - 2, initial_indent="  ", subsequent_indent="    "
        )
    ]


Sources = Mapping[str, Sequence[str]]
