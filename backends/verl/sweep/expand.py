"""A sweep with every point compiled, linted and told apart: what `toolspec sweep` lists and a submit sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from toolspec.backends.verl.compile import Compiled, bundle_of
from toolspec.backends.verl.emit.bundle import Bundle
from toolspec.backends.verl.lint.choice import Choice
from toolspec.backends.verl.lint.facts.spec_rows import SpecRows
from toolspec.backends.verl.lint.spec_run import lint_compiled
from toolspec.backends.verl.lint.suppress import apply
from toolspec.backends.verl.rules.registry import rules
from toolspec.backends.verl.sweep.identity import identity
from toolspec.backends.verl.sweep.shared import Shared
from toolspec.compiler.facts.data import NOT_HASHED
from toolspec.compiler.sweep.expansion import Expansion, Point, points_of
from toolspec.compiler.sweep.point_spec import point_spec
from toolspec.specs.loading import LoadedSpec
from toolspec.specs.problem import Problem, ProblemError, in_file_order
from toolspec.specs.spec import Spec

BUILD = Path("build")
EVERY_RULE = Choice()


class SweptPoint(NamedTuple):
    """A point, and what became of it.

    compiled, bundle: None where it cannot be compiled; findings then say why. digest: the bundle's, None where rows
    that it converts are not at hand. gpu_hours: nodes × GPUs × time limit, None without a limit. same_as: the name of
    the point before it that is the same run under another name.
    """

    point: Point
    compiled: Compiled | None
    bundle: Bundle | None
    findings: tuple[Problem, ...]
    gpu_hours: float | None
    same_as: str | None = None
    identity: str = ""

    @property
    def digest(self) -> str | None:
        if self.bundle is None or self.compiled is None or self.compiled.facts.data.hash == NOT_HASHED:
            return None
        return self.bundle.digest

    @property
    def failed(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


@dataclass(frozen=True)
class Sweep:
    """The points of a sweep, compiled one after the other each time that it is gone through: no two are held at once.

    target: wins over the spec's. place: where a point's bundle belongs. choice: which findings
    count, None for no lint. writing: what is missing for a bundle is an error, and not a note. known: identity → name
    of points that come before all of these.
    """

    expansion: Expansion
    target: str | None = None
    place: Callable[[Point], Path] = lambda point: BUILD / point.name
    choice: Choice | None = EVERY_RULE
    pack: bool = False
    writing: bool = False
    progress: Callable[[str], None] = lambda _: None
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def points(self) -> tuple[Point, ...]:
        return self.expansion.points

    def __iter__(self) -> Iterator[SweptPoint]:
        shared = Shared(self.pack, self.writing, self.progress)
        seen = dict(self.known)
        ran = set(seen.values())
        for point in self.expansion.points:
            found = self._one(point, shared)
            if found.compiled is not None and found.bundle is not None:
                what = identity(found.compiled, found.bundle, point.name, point.suffix)
                # One that has run and would be another run now stands for none of these.
                first = (
                    point.name if point.name in ran - {seen.get(what)} else seen.setdefault(what, point.name)
                )
                found = found._replace(same_as=None if first == point.name else first, identity=what)
            yield found

    def _one(self, point: Point, shared: Shared) -> SweptPoint:
        spec = self.expansion.loaded.spec
        try:
            loaded = point_spec(self.expansion.loaded, point)
            spec = loaded.spec
            compiled = shared.compiled(loaded, point, self.target, self.place(point))
            bundle = bundle_of(compiled)
        except ProblemError as error:
            return SweptPoint(point, None, None, in_file_order(error.problems), gpu_hours(spec))
        findings = compiled.notes if self.choice is None else linted(compiled, shared, self.choice)
        return SweptPoint(point, compiled, bundle, findings, gpu_hours(spec))


def linted(compiled: Compiled, shared: Shared, choice: Choice) -> tuple[Problem, ...]:
    """What counts of what lint finds of a point; a comment that silences nothing here may be for other points."""
    loaded = rules()
    loud = frozenset(entry.rule.code for entry in loaded if entry.rule.loud)
    found = lint_compiled(compiled, shared.files, choice.rules(loaded), SpecRows(compiled, shared.layouts))
    kept, _ = apply(choice.findings(found.findings, loud), found.sources, loud)
    return in_file_order(p for p in kept if p.name != "suppression" or p.severity == "error")


def expand(
    loaded: LoadedSpec,
    target: str | None = None,
    place: Callable[[Point], Path] = lambda point: BUILD / point.name,
    choice: Choice | None = EVERY_RULE,
    pack: bool = False,
    writing: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    known: Mapping[str, str] = MappingProxyType({}),
) -> Sweep:
    """The sweep of a loaded spec; the arguments are those of Sweep.

    Raises ProblemError for a spec without one, and for a `target` beside a swept one.
    """
    expansion = points_of(loaded)
    sweep = loaded.spec.sweep
    if target is not None and sweep is not None:
        for below, path in sweep.paths:
            if path == "target":
                span = loaded.span(("sweep", *below)) or loaded.span(("sweep", path))
                message = f"`target` is swept over, and --target {target} is one"
                problem = Problem("TS027", "sweep", message, span, f"sweep.{'.'.join(below)}", fix="drop one")
                error = ProblemError((problem,))
                error.sources = loaded.sources  # type: ignore[attr-defined]
                raise error
    return Sweep(expansion, target, place, choice, pack, writing, progress, known)


def gpu_hours(spec: Spec) -> float | None:
    """nodes × GPUs × time limit of a spec, None where it has no limit."""
    slurm = spec.cluster.slurm
    if slurm is None or slurm.time is None:
        return None
    return spec.cluster.nodes * spec.cluster.gpus * slurm.time / 3600
