"""The whole way: spec file → plan → verl configuration → bundle. Reads files; writes nothing until asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolspec.backends.verl.emit.bundle import Bundle, build_bundle
from toolspec.backends.verl.emit.write import Written, write_bundle
from toolspec.backends.verl.lower.lower import lower
from toolspec.backends.verl.lower.moves import default_trainer
from toolspec.backends.verl.lower.setting import VerlConfig
from toolspec.backends.verl.releases import NEWEST, RELEASES, parse_target
from toolspec.compiler.facts.gather import Facts, gather
from toolspec.compiler.plan.decision import Plan
from toolspec.compiler.plan.resolve import resolve
from toolspec.specs.loading import LoadedSpec, load, spec_path
from toolspec.specs.problem import Problem, ProblemError, Span

Progress = Callable[[str], None]
_PIN = re.compile(r"^\s*verl(?:\[[^\]]*\])?\s*==\s*([\w.]+)", re.MULTILINE)


@dataclass(frozen=True)
class Compiled:
    """A spec resolved and lowered for one release. assumed: what was taken for granted, to be shown.

    folder: where the bundle belongs; relative paths in the configuration are relative to it.
    """

    loaded: LoadedSpec
    facts: Facts
    plan: Plan
    config: VerlConfig
    folder: Path
    assumed: tuple[str, ...]

    @property
    def notes(self) -> tuple[Problem, ...]:
        """Warnings of the files, of the plan and of the overrides."""
        return (*self.facts.notes, *self.plan.notes, *self.config.notes)

    def place(self, path: str) -> Span | None:
        """Where the spec says the value at a dotted path."""
        return self.loaded.span(spec_path(path))


def compile_spec(
    file: Path,
    sets: Iterable[str] = (),
    target: str | None = None,
    out: Path | None = None,
    pack: bool = False,
) -> Compiled:
    """Everything but writing. `out`: the bundle's folder, default build/NAME in the working directory.

    pack: the rows go into the bundle, in place of the store beside it.

    Raises ProblemError with every problem of the spec, its files, its relations and the release.
    """
    loaded = load(file, sets)
    return compile_loaded(loaded, target, out, pack)


def compile_loaded(
    loaded: LoadedSpec, target: str | None = None, out: Path | None = None, pack: bool = False
) -> Compiled:
    """As compile_spec, for a spec that is loaded."""
    try:
        release, assumed = choose_target(loaded, target)
        facts = gather(loaded, pack)
        folder = out if out is not None else Path("build") / loaded.spec.name
        if facts.data.reasons and folder.name == "data":
            message = f"{folder} is where converted rows stand beside the bundles"
            span = loaded.span(("name",))
            fix = "another name, or --out"
            raise ProblemError((Problem("TS033", "folder-taken", message, span, "name", fix=fix),))
        plan = resolve(loaded, facts, release, folder, default_trainer)
        config = lower(plan, loaded)
    except ProblemError as error:
        error.sources = loaded.sources  # type: ignore[attr-defined]
        raise
    return Compiled(loaded, facts, plan, config, folder, assumed)


def choose_target(loaded: LoadedSpec, asked: str | None) -> tuple[str, tuple[str, ...]]:
    """The release: asked for, else the spec's, else a requirements file's beside it, else the newest (assumed)."""
    if asked is not None:
        return parse_target(asked), ()
    if loaded.spec.target is not None:
        try:
            return parse_target(loaded.spec.target), ()
        except ProblemError as error:
            span = loaded.span(("target",))
            raise ProblemError(
                tuple(
                    Problem(p.code, p.name, p.message, span, "target", p.why, p.fix) for p in error.problems
                )
            ) from None
    for requirements in sorted(loaded.file.parent.glob("requirements*.txt")):
        try:
            pin = _PIN.search(requirements.read_text("utf-8", errors="replace"))
        except OSError:
            continue
        if pin and pin[1] in RELEASES:
            return pin[1], (f"target verl=={pin[1]}, from {requirements.name}",)
    return NEWEST, (f"target verl=={NEWEST}, the newest release known",)


def bundle_of(compiled: Compiled, data: Mapping[str, Any] | None = None) -> Bundle:
    """The files of the bundle, in memory."""
    return build_bundle(compiled.loaded, compiled.plan, compiled.config, compiled.facts, data)


@dataclass(frozen=True)
class Outcome:
    """What `write` did. warnings: of converted rows."""

    bundle: Bundle
    written: Written
    warnings: tuple[Problem, ...] = ()


def write(compiled: Compiled, force: bool = False, progress: Progress = lambda _: None) -> Outcome:
    """Convert the rows if they must be, then write the bundle. Raises ProblemError; nothing is left half done."""
    data: Mapping[str, Any] | None = None
    warnings: tuple[Problem, ...] = ()
    if compiled.facts.data.reasons:
        from toolspec.backends.verl.convert import convert_rows

        store = compiled.folder.parent / "data"
        try:
            data, warnings = convert_rows(compiled.facts, compiled.plan, store, compiled.place, progress)
        except ProblemError as error:
            error.sources = compiled.loaded.sources  # type: ignore[attr-defined]
            raise
    bundle = bundle_of(compiled, data)
    if compiled.facts.data.packed and data is not None:
        rows = store / compiled.facts.data.hash
        bundle = replace(bundle, copies={f"data/{name}": rows / name for name in data["files"]})
    return Outcome(bundle, write_bundle(bundle, compiled.folder, force), warnings)
