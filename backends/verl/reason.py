"""Where a setting comes from, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from toolspec.backends.verl.emit.config_yaml import flow
from toolspec.backends.verl.lower.setting import Setting
from toolspec.compiler.plan.decision import Decision
from toolspec.specs.problem import Span
from toolspec.specs.settings import SET


def origin(setting: Setting, files: Mapping[str, str]) -> str:
    """`budget.turns: 5 (exp.yaml:15)`, `rollout.max_sequences: 256 (default)`, `overrides (exp.yaml:20)`.

    files: of the spec, by the name that each has in a bundle.
    """
    decision = setting.decision
    if setting.plan == "overrides":
        before = decision.reason.partition(", ")[2]
        return f"overrides{_in_brackets((), decision.span, files)}" + (f", {before}" if before else "")
    return (
        f"{setting.plan}: {shown(decision.value)}{_in_brackets(reason_words(decision), decision.span, files)}"
    )


def reason_words(decision: Decision) -> tuple[str, ...]:
    if decision.kind == "given":
        return ()
    return (
        decision.reason
        if decision.reason.startswith(decision.kind)
        else f"{decision.kind}: {decision.reason}",
    )


def _in_brackets(words: tuple[str, ...], span: Span | None, files: Mapping[str, str]) -> str:
    parts = (*words, place(span, files)) if span is not None else words
    return f" ({', '.join(parts)})" if parts else ""


def place(span: Span, files: Mapping[str, str]) -> str:
    """`exp.yaml:15`, or `--set`."""
    return SET if span.file == SET else f"{files.get(span.file) or PurePath(span.file).name}:{span.line}"


def shown(value: Any) -> str:
    """A value on one line."""
    return " ".join(flow(value).split())
