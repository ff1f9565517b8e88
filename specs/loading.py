"""A spec file, its parent and the command line's settings as one validated value with a place for every part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from toolspec.specs.problem import Problem, ProblemError, Span, in_file_order, nearest_span
from toolspec.specs.secret import masked, secrets_in, told_apart
from toolspec.specs.shape import sections_at
from toolspec.specs.source import MAX_BYTES, show_lines
from toolspec.specs.spec import Spec
from toolspec.specs.validation import validate
from toolspec.specs.yaml_tree import parse, parse_value

T = TypeVar("T")
SpecPath = tuple[str | int, ...]
MAX_PARENTS = 16
SET = "--set"


@dataclass(frozen=True)
class Raw:
    """A parsed, merged and not yet validated spec. `spans` and `key_spans` are keyed by path from the root.

    secrets: an error for every secret that a file or a setting writes out, also where another one is laid over it.
    """

    value: Any
    spans: Mapping[SpecPath, Span]
    key_spans: Mapping[SpecPath, Span]
    ambiguous: Mapping[SpecPath, str]
    sources: Mapping[str, tuple[str, ...]]
    files: tuple[Path, ...]
    secrets: tuple[Problem, ...] = ()


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
        for number, text in enumerate(sets, start=1):
            raw = assign(raw, text, number)
        spec = _valid(raw)
        return LoadedSpec(spec=spec, raw=raw, file=file, sets=sets)
    except ProblemError as error:
        error.sources = sources  # type: ignore[attr-defined]
        raise


def _valid(raw: Raw) -> Spec:
    """The spec that `raw` says. Raises ProblemError with all that is wrong with it; no message quotes a secret."""
    try:
        spec = validate(raw)
        check_sweep(spec, raw)
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
    """The raw spec at `file` with its parents merged in. `sources` gathers the lines of each file read."""
    name = str(file)
    data = _bytes(file, said)
    sources[name] = show_lines(data)
    tree = parse(data, name)
    secrets = tuple(secrets_in(tree.value, tree.spans, tree.key_spans, tree.lines))
    raw = Raw(tree.value, tree.spans, tree.key_spans, tree.ambiguous, sources, (file,), secrets)
    parent = tree.value.get("extends") if isinstance(tree.value, dict) else None
    if not isinstance(parent, str):
        return raw
    span = tree.spans.get(("extends",))
    target = file.parent / Path(parent).expanduser()
    chain = (*chain, file.resolve())
    if target.resolve() in chain:
        names = " → ".join(p.name for p in (*chain, target))
        raise ProblemError((_extends(f"`extends` goes in a circle: {names}", span, "drop one of them"),))
    if len(chain) >= MAX_PARENTS:
        raise ProblemError(
            (_extends(f"more than {MAX_PARENTS} files extend one another", span, "merge some of them"),)
        )
    return merge(read(target, sources, chain, span), raw)


def _bytes(file: Path, said: Span | None) -> bytes:
    try:
        with file.open("rb") as stream:
            # One byte more than allowed is enough for the parser to refuse the rest unread.
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        what = {FileNotFoundError: "there is no such file", IsADirectoryError: "it is a folder"}.get(
            type(error)
        )
        problem = Problem(
            "TS020", "unreadable-file", f"cannot read {file}: {what or error.strerror or error}", said
        )
        raise ProblemError((problem,)) from None
    except ValueError:
        raise ProblemError(
            (Problem("TS020", "unreadable-file", f"{str(file)!r} is no file name", said),)
        ) from None


def _extends(message: str, span: Span | None, fix: str) -> Problem:
    return Problem("TS021", "extends", message, span, path="extends", fix=fix)


def merge(parent: Raw, child: Raw, number_is_short: bool = False) -> Raw:
    """`child` over `parent`: mappings key by key, lists and values replaced; each part keeps its own place.

    number_is_short: a number over a mapping sets the field that a bare value stands for (`weight`), so that
    `--set reward.valid_call=0.3` keeps the term's other settings.
    """
    kept: set[SpecPath] = set()

    def over(old: Any, new: Any, path: SpecPath) -> Any:
        if isinstance(new, dict) and not isinstance(old, (dict, list, type(None))):
            old = _written_out(old, path)
        elif number_is_short and isinstance(old, dict) and _is_number(new):
            new = _written_out(new, path)
        if not (isinstance(old, dict) and isinstance(new, dict)):
            return new
        merged = {}
        for key, value in old.items():
            if key in new:
                merged[key] = over(value, new[key], (*path, key))
            else:
                merged[key] = value
                kept.add((*path, key))
        merged.update({key: value for key, value in new.items() if key not in old})
        return merged

    value = over(parent.value, child.value, ())
    return Raw(
        value,
        _joined(child.spans, parent.spans, kept),
        _joined(child.key_spans, parent.key_spans, kept),
        _joined(child.ambiguous, parent.ambiguous, kept),
        child.sources,
        (*child.files, *parent.files),
        (*child.secrets, *parent.secrets),
    )


def _written_out(value: Any, path: SpecPath) -> Any:
    """`ppo` as `{name: ppo}` where the language lets a bare value stand for a mapping."""
    words = [section.short_form for section in sections_at(path) if section.short_form]
    return {words[0]: value} if words else value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _joined(
    child: Mapping[SpecPath, T], parent: Mapping[SpecPath, T], kept: set[SpecPath]
) -> dict[SpecPath, T]:
    """`child`'s entries, and of `parent` those at or below a path of `kept`."""
    joined = dict(child)
    for path in parent:
        if any(path[:end] in kept for end in range(1, len(path) + 1)):
            joined[path] = parent[path]
    return joined


def assign(raw: Raw, text: str, number: int = 1) -> Raw:
    """`raw` with the command line's `path=value` number `number` laid over it. A number for a term is its weight."""
    path_text, sign, value_text = text.partition("=")
    path = tuple(path_text.strip().split("."))
    if not sign or not all(path):
        message = f"`--set {masked(text)}` is not of the form path=value"
        raise ProblemError((Problem("TS022", "set", message, None),))
    if path[0] == "extends":
        message = "`extends` is read before any setting; name the child spec in its place"
        raise ProblemError((Problem("TS022", "set", message, Span(SET, number, 1, len(text)), "extends"),))
    # The settings are shown as the lines of a file of their own.
    span = Span(SET, number, len(path_text) + 2, max(1, len(value_text)))
    laid = lay(raw, path, parse_value(value_text), span)
    value: Any = parse_value(value_text)
    for part in reversed(path):
        value = {part: value}
    return replace(laid, secrets=(*secrets_in(value, {(): span}, {}), *laid.secrets))


def lay(raw: Raw, path: tuple[str, ...], value: Any, span: Span | None) -> Raw:
    """`raw` with `value` at `path`, said at `span`. A number for a term is its weight."""
    if not isinstance(raw.value, dict):
        return raw
    for part in reversed(path):
        value = {part: value}
    spans: dict[SpecPath, Span] = (
        {path[:depth]: span for depth in range(1, len(path) + 1)} if span is not None else {}
    )
    return merge(raw, Raw(value, spans, dict(spans), {}, raw.sources, ()), number_is_short=True)


def check_sweep(spec: Spec, raw: Raw) -> None:
    """Raises ProblemError for every value of `sweep` that the spec could not have at its path."""
    problems: list[Problem] = []
    for path, values in spec.sweep.items():
        parts = tuple(path.split("."))
        for number, value in enumerate(values):
            span = nearest_span(raw.spans, ("sweep", path, number))
            if parts[0] in ("sweep", "extends", "toolspec") or not all(parts):
                message = f"`{path}` cannot be swept over"
                problems.append(Problem("TS027", "sweep", message, span, f"sweep.{path}"))
                break
            try:
                validate(lay(raw, parts, value, span))
            except ProblemError as error:
                problems += [replace(p, span=span, path=f"sweep.{path}") for p in error.problems]
    if problems:
        raise ProblemError(in_file_order(problems))
