"""A spec moved to another verl release: its text edited, and what the edit cannot decide said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from toolspec.backends.verl.compile import Compiled, choose_target, compile_loaded
from toolspec.backends.verl.diff import Change, compare
from toolspec.backends.verl.releases import leaves, release
from toolspec.backends.verl.renames import ONLY_V0, below, gone, name_in, takes
from toolspec.backends.verl.side import side_of_spec
from toolspec.backends.verl.yaml_text import Entry, YamlText
from toolspec.specs.loading import LoadedSpec, load, read_data
from toolspec.specs.named_file import named, read
from toolspec.specs.problem import Problem, ProblemError
from toolspec.specs.source import MAX_BYTES
from toolspec.specs.validation import validate

Kind = Literal["target", "renamed", "dropped"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of the text. line: of the old text, 1-based; 0 for a new line. lost: see renames.Gone."""

    kind: Kind
    line: int
    old: str
    new: str
    why: str = ""
    lost: str = ""


@dataclass(frozen=True)
class Migration:
    """before, after: the file's bytes. source: the release that the spec was for, None where not known.

    decisions: what the user has to decide. changes: in the meaning, from the old release to the new; None
    where the spec did not compile for the old one. problems: what keeps the result from compiling.
    """

    file: Path
    before: bytes
    after: bytes
    source: str | None
    target: str
    edits: tuple[Edit, ...]
    decisions: tuple[str, ...]
    changes: tuple[Change, ...] | None
    problems: tuple[Problem, ...]
    sources: Any


def migrate(file: Path, target: str) -> Migration:
    """The spec at `file` for `target` (one of RELEASES). Reads files and writes none.

    Raises ProblemError for a file that is no valid spec, and for a text that cannot be edited safely.
    """
    loaded = load(file)
    source = _source(loaded)
    text = YamlText(named(lambda: read(file, MAX_BYTES), str(file), None), str(file))
    expected = dict(text.value)
    edits = [*_target(text, expected, target), *edit_overrides(text, expected, source, target)]
    after = text.edited(expected) if edits else text.data
    sources: dict[str, tuple[str, ...]] = {}
    problems: tuple[Problem, ...] = ()
    new = None
    try:
        new = compile_loaded(loaded_text(after, file, sources), target, counting=False)
    except ProblemError as error:
        problems = error.problems
    decisions = [*_lost(edits), *_nested(text, target), *_parents(loaded, target), *_trainer(new, loaded)]
    changes = _changes(loaded, source, new)
    return Migration(
        file, text.data, after, source, target, tuple(edits), tuple(decisions), changes, problems, sources
    )


def _source(loaded: LoadedSpec) -> str | None:
    try:
        return choose_target(loaded, None)[0]
    except ProblemError:
        return None


def loaded_text(data: bytes, file: Path, sources: dict[str, tuple[str, ...]]) -> LoadedSpec:
    """As loading.load, for a text that is not on disk yet; other files are found from where `file` is."""
    raw = read_data(data, file, sources)
    return LoadedSpec(spec=validate(raw), raw=raw, file=file)


def _target(text: YamlText, expected: dict[str, Any], target: str) -> Iterator[Edit]:
    entry = text.entries.get(("target",))
    if entry is not None:
        old = str(expected["target"])
        new = f"verl=={target}" if "==" in old or "verl" in old else target
        if old != new and old.replace(" ", "") != new:
            text.set_scalar(entry, new)
            expected["target"] = new
            yield Edit("target", text.line(entry), f"target: {old}", f"target: {new}")
        return
    new = f"target: verl=={target}"
    expected["target"] = f"verl=={target}"
    after = next((text.entries[(name,)] for name in ("name", "toolspec") if (name,) in text.entries), None)
    if after is not None:
        text.insert_after(after, new)
    else:
        text.insert_before(next(iter(text.entries.values())), new)
    yield Edit("target", 0, "", new)


SWEPT = (("sweep",), ("sweep", "grid"), ("sweep", "zip"), ("sweep", "random", "over"))
"""Where a sweep has spec paths as keys."""


def edit_overrides(text: YamlText, expected: dict[str, Any], source: str | None, target: str) -> list[Edit]:
    """Rename and drop the file's own overrides, and rename those that a sweep varies."""
    edits: list[Edit] = []
    for section in (("overrides",), *SWEPT):
        prefix = "" if section == ("overrides",) else "overrides."
        given = _at(expected, section)
        if not isinstance(given, dict):
            continue
        dropped: list[tuple[Entry, str]] = []
        fresh: dict[str, Any] = {}
        for name, value in given.items():
            entry = text.entries.get((*section, name))
            edit = None
            if entry is not None and name.startswith(prefix):
                edit = _edit(name.removeprefix(prefix), value, text.line(entry), source, target)
            if entry is None or edit is None or (edit.kind == "renamed" and prefix + edit.new in given):
                fresh[name] = value
            elif edit.kind == "renamed":
                text.rename(entry, prefix + edit.new)
                fresh[prefix + edit.new] = value
                edits.append(edit)
            else:
                dropped.append((entry, f"dropped for verl {target}, {edit.why}"))
                edits.append(edit)
        text.drop(dropped)
        _at(expected, section[:-1])[section[-1]] = fresh
    return edits


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _edit(key: str, value: Any, line: int, source: str | None, target: str) -> Edit | None:
    """What becomes of one override; None where it stays, rightly or because nobody knows the key."""
    if takes(key, target):
        return None
    new = name_in(key, target)
    if new != key and takes(new, target):
        return Edit("renamed", line, key, new)
    left = gone(key, target)
    if left is not None:
        return Edit("dropped", line, key, "", f"where {left.why}", left.lost)
    if source is not None and source != target and takes(key, source) and not release(target).knows(key):
        why = "which has no such key"
        return Edit("dropped", line, key, "", why, f"what {key}: {value} did in verl {source}")
    return None


def _lost(edits: list[Edit]) -> Iterator[str]:
    for edit in edits:
        if edit.lost:
            yield f"{edit.old} is dropped, and with it {edit.lost}"


def _nested(text: YamlText, target: str) -> Iterator[str]:
    """Keys in a mapping of `overrides` that the target does not take: a rename would tear it apart."""
    given = text.value.get("overrides")
    for name, value in given.items() if isinstance(given, dict) else ():
        if not isinstance(value, dict) or not takes(name, target):
            twin = name_in(name, target)
            if isinstance(given, dict) and twin != name and twin in given:
                yield f"{name} is {twin} in verl {target}, and both are given: keep one"
            continue
        for key, _ in leaves({name: value}):
            if not takes(key, target):
                new, left = name_in(key, target), gone(key, target)
                what = f"it is {new} there" if new != key else left.why if left else "it has no such key"
                yield f"{key} stands inside the mapping {name}: verl {target} does not take it ({what})"


def _parents(loaded: LoadedSpec, target: str) -> Iterator[str]:
    """Overrides that a parent file says."""
    for key in loaded.spec.overrides:
        span = loaded.raw.key_spans.get(("overrides", key))
        if span is not None and span.file != str(loaded.file) and not takes(key, target):
            yield f"{span.file}:{span.line} sets {key}, which verl {target} does not take: migrate it too"


def _trainer(new: Compiled | None, loaded: LoadedSpec) -> Iterator[str]:
    if new is None or new.plan["train.trainer"] != "v1":
        return
    for key in loaded.spec.overrides:
        if any(below(key, other) for other in ONLY_V0):
            version = new.plan.target
            yield f"{key} is not read by trainer v1, verl {version}'s default; `train.trainer: v0` does"


def _changes(loaded: LoadedSpec, source: str | None, new: Compiled | None) -> tuple[Change, ...] | None:
    if source is None or new is None:
        return None
    if source == new.plan.target:
        return ()
    try:
        old = compile_loaded(loaded, source, counting=False)
    except ProblemError:
        return None
    found = compare(side_of_spec(old, f"verl {source}"), side_of_spec(new, f"verl {new.plan.target}"))
    return found.of("result")
