"""A spec as the run of verl that it compiles to, each key with the place in the spec that decides it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toolspec.backends.verl.compile import Compiled, compile_spec
from toolspec.backends.verl.lint.facts.spec_rows import SpecRows
from toolspec.backends.verl.lint.lint import Linted, lint_runs
from toolspec.backends.verl.lower.setting import Setting
from toolspec.backends.verl.rules.registry import Loaded, rules
from toolspec.backends.verl.written.files import Files
from toolspec.backends.verl.written.run import Run
from toolspec.backends.verl.written.runs import Read
from toolspec.backends.verl.written.value import Said, Unknown
from toolspec.compiler.plan.places import Interpolation
from toolspec.compiler.plan.prompt_tokens import RESTS_ON_IT
from toolspec.specs.loading import spec_path
from toolspec.specs.problem import Problem, ProblemError, Span, in_file_order


def lint_spec(
    path: Path,
    target: str | None,
    files: Files,
    chosen: Sequence[Loaded] | None,
    sets: Sequence[str] = (),
    counting: bool = True,
) -> Linted:
    """Everything that compile says of a spec, and every rule over what it compiles to."""
    try:
        compiled = compile_spec(path, sets, target, writing=False, counting=counting)
    except ProblemError as error:
        sources: Mapping[str, Sequence[str]] = getattr(error, "sources", {})
        lines = {name: tuple(text) for name, text in sources.items()}
        return Linted(str(path), in_file_order(error.problems), lines, kind="spec")
    return lint_compiled(compiled, files, chosen, SpecRows(compiled))


def lint_compiled(
    compiled: Compiled, files: Files, chosen: Sequence[Loaded] | None, rows: SpecRows
) -> Linted:
    """As lint_spec, for a spec that is compiled. rows: its rows."""
    path = compiled.loaded.file
    read = Read(
        (run_of(compiled, rows),), {name: tuple(text) for name, text in compiled.loaded.sources.items()}
    )
    loaded = rules() if chosen is None else tuple(chosen)
    linted = lint_runs(str(path), read, compiled.plan.target, files, loaded, "spec", compiled.assumed)
    said = (*compiled.notes, *rows.problems(), *linted.findings)
    return Linted(
        linted.file,
        in_file_order(_once(said)),
        linted.sources,
        linted.checked,
        linted.skipped,
        linted.assumed,
        "spec",
    )


def _once(findings: Sequence[Problem]) -> tuple[Problem, ...]:
    """Compile and a rule may find the same at the same place: it is said once, in compile's words."""
    seen: dict[tuple[str, Span | None], Problem] = {}
    for finding in findings:
        seen.setdefault((finding.code, finding.span), finding)
    return tuple(seen.values())


def run_of(compiled: Compiled, rows: SpecRows | None = None) -> Run:
    """The run of a compiled spec. Its files are named as the spec names them, relative to the spec."""
    loaded = compiled.loaded
    # Settings that equal verl's default are said as well: the spec has a place for them.
    said = tuple(_said(compiled, key, setting) for key, setting in compiled.config.settings.items())
    return Run(
        str(loaded.file),
        said,
        Span(str(loaded.file), 1, 1),
        loaded.file.parent,
        written=said,
        spec=compiled,
        rows=rows,
    )


_ASSIGNMENT = re.compile(r"\b([a-z][\w]*(?:\.\w+)+)=(\[[^\]]*\]|[^\s,;]+)")


def in_spec_words(fix: str, run: Run) -> str:
    """`actor_rollout_ref.rollout.n=8` as `algorithm.group: 8`, or as the override that it would be."""
    from toolspec.backends.verl.lower.table import TABLE
    from toolspec.backends.verl.renames import common_name

    version = run.spec.plan.target
    plain = {row.key: row.plan for row in TABLE if row.value is None}

    def word(found: re.Match[str]) -> str:
        key, value = found[1], found[2]
        path = plain.get(common_name(key, version))
        return f"{path}: {value}" if path is not None else f"overrides: {{{key}: {value}}}"

    return _ASSIGNMENT.sub(word, fix)


def _said(compiled: Compiled, key: str, setting: Setting) -> Said:
    loaded, decision = compiled.loaded, setting.decision
    path = decision.sources[0] if decision.sources else setting.plan
    span = decision.span or loaded.span(spec_path(path)) or Span(str(loaded.file), 1, 1)
    if not is_decided(compiled, setting):
        return Said(key, Unknown("the prompts are not counted", "auto"), span, span, text="auto", path=path)
    return Said(key, _plain(setting.value), span, span, text=str(setting.value), path=path)


def is_decided(compiled: Compiled, setting: Setting) -> bool:
    """False for a length that rests on the lengths of prompts, where these are not counted."""
    open_ = compiled.facts.prompts is None and compiled.loaded.spec.budget.prompt_tokens_wanted is not None
    return not open_ or setting.decision.kind != "derived" or setting.plan not in RESTS_ON_IT


def _plain(value: Any) -> Any:
    """The value as verl reads it; what the run's environment decides is unknown."""
    if isinstance(value, Interpolation) and "oc.env:" in value:
        return Unknown("it depends on the environment of the run", str(value))
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
