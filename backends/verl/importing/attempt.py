"""A spec's text compiled in memory, with what is wrong with it in place of an error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolspec.backends.verl.compile import compile_loaded
from toolspec.backends.verl.lower.lower import lower_with_problems
from toolspec.backends.verl.lower.moves import default_trainer
from toolspec.backends.verl.lower.setting import VerlConfig
from toolspec.compiler.facts.gather import gather
from toolspec.compiler.plan.resolve import decide
from toolspec.specs.loading import LoadedSpec, read_data
from toolspec.specs.problem import Problem, ProblemError
from toolspec.specs.validation import validate


@dataclass(frozen=True)
class Attempt:
    """config: what the spec compiles to, relations that do not hold left aside. folder: of the bundle."""

    config: VerlConfig
    folder: Path


def loaded(text: str, file: Path) -> LoadedSpec:
    """The text as the spec that `file` will be. Raises ProblemError."""
    raw = read_data(text.encode(), file, {})
    return LoadedSpec(validate(raw), raw, file)


def attempt(spec: LoadedSpec, release: str) -> Attempt:
    """Raises ProblemError for files that cannot be read alone."""
    folder = Path("build") / spec.spec.name
    draft = decide(spec, gather(spec), release, folder, default_trainer)
    config, _ = lower_with_problems(draft.plan(release), spec)
    return Attempt(config, folder)


def refused(spec: LoadedSpec, release: str) -> tuple[Problem, ...]:
    """What compile says against the spec."""
    try:
        compile_loaded(spec, release)
    except ProblemError as error:
        return tuple(problem for problem in error.problems if problem.severity == "error")
    return ()
