"""The whole way: spec file → plan → verl configuration → bundle. Reads files; writes nothing until asked."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from toolspec.backends.verl.emit.bundle import Bundle, build_bundle
from toolspec.backends.verl.emit.write import Written, check_place, write_bundle
from toolspec.backends.verl.lower.lower import lower, lower_with_problems
from toolspec.backends.verl.lower.moves import default_trainer
from toolspec.backends.verl.lower.setting import VerlConfig
from toolspec.backends.verl.releases import NEWEST, RELEASES, parse_target
from toolspec.compiler.facts.gather import Facts, gather
from toolspec.compiler.plan.decision import Plan
from toolspec.compiler.plan.prompt_tokens import RELATIONS
from toolspec.compiler.plan.resolve import decide, resolve
from toolspec.compiler.scratch import scratch, sweep
from toolspec.specs.loading import LoadedSpec, load, spec_path
from toolspec.specs.named_file import UnreadableError, read
from toolspec.specs.problem import Problem, ProblemError, Span, in_file_order
from toolspec.specs.reads import note
from toolspec.specs.source import MAX_BYTES

Progress = Callable[[str], None]
_PIN = re.compile(r"^\s*verl(?:\[[^\]]*\])?\s*==\s*([\w.]+)", re.MULTILINE)


class Compiled(NamedTuple):
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
    writing: bool = True,
    counting: bool = True,
    progress: Progress = lambda _: None,
) -> Compiled:
    """Everything but writing. `out`: the bundle's folder, default build/NAME in the working directory.

    pack: the rows go into the bundle, in place of the store beside it. writing: whether a bundle is to be
    written (see data_facts). counting: whether the prompts are counted where `budget.prompt_tokens` wants it;
    why they cannot be is raised if writing, else it is among the notes.

    Raises ProblemError with every problem of the spec, its files, its relations and the release.
    """
    loaded = load(file, sets)
    return compile_loaded(loaded, target, out, pack, writing, counting, progress)


def compile_loaded(
    loaded: LoadedSpec,
    target: str | None = None,
    out: Path | None = None,
    pack: bool = False,
    writing: bool = True,
    counting: bool = True,
    progress: Progress = lambda _: None,
    known: Facts | None = None,
) -> Compiled:
    """As compile_spec, for a spec that is loaded. known: its facts, where they are read already."""
    try:
        release, assumed = choose_target(loaded, target)
        facts = known if known is not None else gather(loaded, pack, writing)
        folder = out if out is not None else Path("build") / loaded.spec.name
        if facts.data.reasons and folder.name == "data":
            message = f"{folder} is where converted rows stand beside the bundles"
            span = loaded.span(("name",))
            fix = "another name, or --out"
            raise ProblemError((Problem("TS033", "folder-taken", message, span, "name", fix=fix),))
        if counting and loaded.spec.budget.prompt_tokens_wanted is not None:
            facts = _with_prompts(loaded, facts, release, folder, writing, progress)
        plan = resolve(loaded, facts, release, folder, default_trainer)
        config = lower(plan, loaded)
    except ProblemError as error:
        error.sources = loaded.sources  # type: ignore[attr-defined]
        raise
    return Compiled(loaded, facts, plan, config, folder, assumed)


def _with_prompts(
    loaded: LoadedSpec, facts: Facts, target: str, folder: Path, writing: bool, progress: Progress
) -> Facts:
    """The facts with the lengths of the prompts, counted over a first plan whose number stands for any.

    A prompt depends on the plan (system message, tools, template, overrides), and lengths of the plan on the
    number, but no prompt does. Raises ProblemError for errors that no number repairs, before anything is counted.
    """
    from toolspec.backends.verl.chat.prompt_facts import prompt_facts, told

    draft = decide(loaded, facts, target, folder, default_trainer)
    _refuse(one for one in draft.problems if one.name not in RELATIONS)
    plan = draft.plan(target)
    config, problems = lower_with_problems(plan, loaded)
    _refuse(problems)
    first = Compiled(loaded, facts, plan, config, folder, ())
    progress("counting the tokens of every prompt")
    try:
        return facts._replace(prompts=prompt_facts(first))
    except ProblemError as error:
        if writing:
            raise
        return facts._replace(notes=(*facts.notes, *told(error)))


def _refuse(problems: Iterable[Problem]) -> None:
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise ProblemError(in_file_order(errors))


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
    note(loaded.file.parent, "names")
    for requirements in sorted(loaded.file.parent.glob("requirements*.txt")):
        try:
            pin = _PIN.search(read(requirements, MAX_BYTES).decode("utf-8", "replace"))
        except UnreadableError:
            continue
        if pin and pin[1] in RELEASES:
            return pin[1], (f"target verl=={pin[1]}, from {requirements.name}",)
    return NEWEST, (f"target verl=={NEWEST}, the newest release known",)


def bundle_of(compiled: Compiled, data: Mapping[str, Any] | None = None) -> Bundle:
    """The files of the bundle, in memory."""
    return build_bundle(compiled.loaded, compiled.plan, compiled.config, compiled.facts, data)


def check(compiled: Compiled, progress: Progress = lambda _: None) -> tuple[Bundle, tuple[Problem, ...]]:
    """The bundle that `write` would put at the folder, and the warnings of converted rows. Writes nothing there.

    Rows that are in the store are taken from it; others are converted in a temporary folder, which is removed. Raises
    ProblemError as `write` does, but for another bundle that is there, which is no fault of the spec's.
    """
    check_place(compiled.folder)
    store = compiled.folder.parent / "data"
    with _store_to_read(compiled, store) as place:
        data, warnings = _rows(compiled, place, progress)
    return bundle_of(compiled, data), warnings


@contextmanager
def _store_to_read(compiled: Compiled, store: Path) -> Iterator[Path]:
    """The store where nothing would be written there, else a temporary one."""
    from toolspec.backends.verl.convert import report_of

    data = compiled.facts.data
    if not data.reasons or report_of(store / data.hash) is not None:
        yield store
    else:
        with scratch(Path(tempfile.gettempdir())) as place:
            yield place


class Outcome(NamedTuple):
    """What `write` did. warnings: of converted rows."""

    bundle: Bundle
    written: Written
    warnings: tuple[Problem, ...] = ()


def write(
    compiled: Compiled, force: bool = False, progress: Progress = lambda _: None, durable: bool = True
) -> Outcome:
    """Convert the rows if they must be, then write the bundle. Raises ProblemError; nothing is left half done.

    What killed compiles left beside the bundle, and in the store of rows, is removed. durable: each file is on the disk
    before this returns; who writes many bundles may do that once for all (os.sync).
    """
    check_place(compiled.folder)
    store = compiled.folder.parent / "data"
    for folder in (compiled.folder.parent, store):
        sweep(folder)
    data, warnings = _rows(compiled, store, progress)
    bundle = bundle_of(compiled, data)
    if compiled.facts.data.packed and data is not None:
        rows = store / compiled.facts.data.hash
        bundle = bundle._replace(copies={f"data/{name}": rows / name for name in data["files"]})
    return Outcome(bundle, write_bundle(bundle, compiled.folder, force, durable), warnings)


def _rows(
    compiled: Compiled, store: Path, progress: Progress
) -> tuple[Mapping[str, Any] | None, tuple[Problem, ...]]:
    """What the manifest says of converted rows (None where verl reads the files as they are), and their warnings.

    Raises ProblemError for rows that cannot be converted, and for rows that do not fit the plan.
    """
    from toolspec.backends.verl.fit import misfits

    data: Mapping[str, Any] | None = None
    warnings: tuple[Problem, ...] = ()
    try:
        if compiled.facts.data.reasons:
            from toolspec.backends.verl.convert import convert_rows

            data, warnings = convert_rows(compiled.facts, compiled.plan, store, compiled.place, progress)
        files = data["files"] if data is not None else None
        problems = misfits(compiled.plan, compiled.config, compiled.facts, files, compiled.place)
        if problems:
            raise ProblemError(in_file_order(problems))
    except ProblemError as error:
        error.sources = compiled.loaded.sources  # type: ignore[attr-defined]
        raise
    return data, warnings
