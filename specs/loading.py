"""A spec file, its parent and the command line's settings as one validated value with a place for every part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from toolspec.specs.advice import in_words_of_the_place
from toolspec.specs.named_file import head, located, named, real
from toolspec.specs.problem import Problem, ProblemError, Span, in_file_order, nearest_span
from toolspec.specs.raw import Raw, SpecPath, merge
from toolspec.specs.secret import secrets_in, told_apart
from toolspec.specs.settings import SET, settings
from toolspec.specs.source import MAX_BYTES, show_lines
from toolspec.specs.spec import Spec
from toolspec.specs.validation import validate
from toolspec.specs.yaml_tree import parse

MAX_PARENTS = 16


@dataclass(frozen=True)
class LoadedSpec:
    """A valid spec, with where each part was written. `files` are all files read, the parent included."""

    spec: Spec
    raw: Raw
    file: Path
    sets: tuple[str, ...] = field(default=())

    def span(self, path: Iterable[str | int]) -> Span | None:
        """Where the value at `path` was written; the nearest enclosing value where it was not written itself."""
        return nearest_span(self.raw.spans, tuple(path))

    def base(self, path: Iterable[str | int]) -> Path:
        """The folder that a relative file name at `path` is relative to: that of the file which says it."""
        span = self.span(path)
        if span is None or span.file == SET:
            return self.file.parent
        return Path(span.file).parent

    @cached_property
    def names(self) -> Mapping[str, str]:
        """File → the name that it has in a bundle's spec/: a parent's number tells it from a child of the same name."""
        files = self.raw.files
        return {str(f): f"{number}-{f.name}" if number else f.name for number, f in enumerate(files)}

    @cached_property
    def sources(self) -> Mapping[str, tuple[str, ...]]:
        return self.raw.sources


@lru_cache(maxsize=4096)  # a spec asks for the same few hundred again and again
def spec_path(path: str) -> SpecPath:
    """`tools.calculator.timeout` as the path of a raw spec; digits are list indices."""
    return tuple(int(part) if part.isdigit() else part for part in path.split(".")) if path else ()


def load(file: Path, sets: Iterable[str] = ()) -> LoadedSpec:
    """Read, merge and validate the spec at `file`; each of `sets` is `path=value` and wins over the file.

    Raises ProblemError with every problem found (`.sources` on it holds the lines to show).
    """
    sets = tuple(sets)
    sources: dict[str, tuple[str, ...]] = {}
    try:
        raw = read(file, sources)
        if sets:
            sources[SET] = sets
            raw = settings(raw, sets)._replace(sources=sources)
        spec = _valid(raw)
        return LoadedSpec(spec=spec, raw=raw, file=file, sets=sets)
    except ProblemError as error:
        error.problems = tuple(in_words_of_the_place(p) for p in error.problems)
        error.sources = sources  # type: ignore[attr-defined]
        raise


def _valid(raw: Raw) -> Spec:
    """The spec that `raw` says. Raises ProblemError with all that is wrong with it; no message quotes a secret."""
    try:
        spec = validate(raw)
        if spec.sweep is not None:
            from toolspec.specs.sweep_check import check_sweep  # few specs have one

            check_sweep(spec, spec.sweep, raw)
    except ProblemError as error:
        if not raw.secrets:
            raise
        raise ProblemError(in_file_order(told_apart(raw.secrets, error.problems))) from None
    if raw.secrets:
        raise ProblemError(in_file_order(raw.secrets))
    return spec


def read(
    file: Path, sources: dict[str, tuple[str, ...]], chain: tuple[Path, ...] = (), said: Span | None = None
) -> Raw:
    """The raw spec at `file` with its parents merged in. `sources` gathers the lines of each file read.

    said: where the name of the file is written. Raises ProblemError.
    """
    # One byte more than allowed is enough for the parser to refuse the rest unread.
    data = named(lambda: head(file, MAX_BYTES + 1), str(file), said, "extends" if said else "")
    return read_data(data, file, sources, chain)


def read_data(
    data: bytes, file: Path, sources: dict[str, tuple[str, ...]], chain: tuple[Path, ...] = ()
) -> Raw:
    """The same for a text that may not be on disk yet; its parents are found from where `file` is."""
    name = str(file)
    sources[name] = show_lines(data)
    tree = parse(data, name)
    secrets = tuple(secrets_in(tree.value, tree.spans, tree.key_spans, tree.lines))
    raw = Raw(tree.value, tree.spans, tree.key_spans, tree.ambiguous, sources, (file,), secrets)
    parent = tree.value.get("extends") if isinstance(tree.value, dict) else None
    if not isinstance(parent, str) or not parent:
        return raw
    span = tree.spans.get(("extends",))
    target = named(lambda: located(parent, file.parent), repr(parent), span, "extends")
    chain = (*chain, real(file))
    if real(target) in chain:
        names = " → ".join(p.name for p in (*chain, target))
        raise ProblemError((_extends(f"`extends` goes in a circle: {names}", span, "drop one of them"),))
    if len(chain) >= MAX_PARENTS:
        raise ProblemError(
            (_extends(f"more than {MAX_PARENTS} files extend one another", span, "merge some of them"),)
        )
    return merge(read(target, sources, chain, span), raw)


def _extends(message: str, span: Span | None, fix: str) -> Problem:
    return Problem("TS021", "extends", message, span, path="extends", fix=fix)
