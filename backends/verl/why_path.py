"""A path of the spec, or a section of either language, to the keys of verl that it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_origin

from toolspec.backends.verl.compile import Compiled
from toolspec.backends.verl.lower.moves import moved
from toolspec.backends.verl.lower.row import Row
from toolspec.backends.verl.lower.table import COMPOSED, NOT_LOWERED, NOT_LOWERED_PREFIXES, TABLE
from toolspec.backends.verl.reason import origin, reason_words
from toolspec.backends.verl.renames import below
from toolspec.specs.problem import Span
from toolspec.specs.shape import all_paths, annotations_at, sections_at

# Spec fields that are no value of the run, with what they do.
ABOUT_THE_SPEC: Mapping[str, str] = {
    "toolspec": "the version of the language",
    "name": "names the bundle and the run, and the experiment at the tracker (tracking.experiment)",
    "description": "for the reader; it goes nowhere",
    "extends": "the parent spec, merged in before anything else",
    "target": "the verl release to compile for",
    "sweep": "one bundle for each of its points",
    "overrides": "raw verl keys, laid over everything else",
}
# Ends of plan paths below `reward.<term>` go to the reward's own file.
_TERMS = "ts_reward.json"


@dataclass(frozen=True, slots=True)
class PathItem:
    """A value of the plan and what becomes of it. keys: verl key → (value, whether config.yaml writes it)."""

    path: str
    value: Any
    reason: str
    span: Span | None
    keys: Mapping[str, tuple[Any, bool]]
    carried: str


@dataclass(frozen=True, slots=True)
class PathAnswer:
    """A path of the spec, or a section of either language. text: where there are no items."""

    path: str
    items: tuple[PathItem, ...]
    text: str = ""


def explain_path(compiled: Compiled, path: str) -> PathAnswer | None:
    """The answer for a path of the spec or the plan; None where the language has no such place."""
    if path in ABOUT_THE_SPEC:
        items = _items(compiled, "tracking.experiment") if path == "name" else ()
        return PathAnswer(path, items, ABOUT_THE_SPEC[path])
    parts = tuple(int(part) if part.isdigit() else part for part in path.split("."))
    if not _in_language(parts) and not any(below(other, path) for other in compiled.plan):
        return None
    items = _items(compiled, path)
    if not items and missing_name(compiled, path) is not None:
        return None
    while not items and len(parts) > 1:
        # A field that only shapes another one's value, such as data.columns.
        parts = parts[:-1]
        items = _items(compiled, ".".join(map(str, parts)))
    return PathAnswer(path, items, "" if items else "the plan holds nothing of it: the spec does not say it")


def _items(compiled: Compiled, path: str) -> tuple[PathItem, ...]:
    return tuple(
        PathItem(
            name,
            decision.value,
            decision.reason if decision.kind == "default" else " ".join(reason_words(decision)) or "given",
            decision.span,
            _keys_of(compiled, name),
            _carried(name),
        )
        for name, decision in compiled.plan.decisions.items()
        if below(name, path) or any(below(source, path) for source in decision.sources)
    )


def _in_language(parts: tuple[str | int, ...]) -> bool:
    """Whether a spec may say the path; the field of a list's items counts without their number."""
    if annotations_at(parts):
        return True
    return any(
        len(path) == len(parts) and all(a in ("<name>", b) for a, b in zip(path, parts, strict=True))
        for path, _ in all_paths()
    )


def missing_name(compiled: Compiled, path: str) -> tuple[str, ...] | None:
    """What the spec has where `path` gives a name of the user's own (a tool's, say) that it does not have.

    None where the path gives no such name.
    """
    parts = path.split(".")
    own = [tuple(map(str, said)) for said in compiled.loaded.raw.spans]
    fields = {field for field, _ in all_paths()}
    for end in range(1, len(parts)):
        if _is_free(parts[:end]) and tuple(parts[: end + 1]) not in fields:
            there = [said for said in own if len(said) == end + 1 and said[:end] == tuple(parts[:end])]
            if tuple(parts[: end + 1]) not in there:
                return tuple(map(".".join, there))
    return None


def _is_free(parts: Sequence[str]) -> bool:
    """Whether the names in the mapping at the path are the user's own."""
    return not sections_at(parts) and any(get_origin(a) is dict for a in annotations_at(parts))


def _keys_of(compiled: Compiled, plan_path: str) -> Mapping[str, tuple[Any, bool]]:
    """Keys that carry a plan path, with the value that stands now: an override may have replaced it."""
    settings = compiled.config.settings
    names = [key for key, setting in settings.items() if setting.plan == plan_path]
    names += [
        name for row in TABLE if row.plan == plan_path and (name := _written_as(compiled, row)) in settings
    ]
    return {name: (settings[name].value, settings[name].written) for name in dict.fromkeys(names)}


def _written_as(compiled: Compiled, row: Row) -> str:
    applies = row.when is None or row.when(compiled.plan)
    return moved(row.key, compiled.config.release.version) if applies else ""


def _carried(path: str) -> str:
    """What carries a plan path that is no verl key; "" for the others."""
    if path in NOT_LOWERED:
        return NOT_LOWERED[path]
    prefixes = [text for prefix, text in NOT_LOWERED_PREFIXES.items() if path.startswith(prefix)]
    if prefixes:
        return prefixes[0]
    if path.startswith("reward.") and not any(row.plan == path for row in TABLE) and path not in COMPOSED:
        return _TERMS
    return ""


def explain_section(compiled: Compiled, section: str) -> PathAnswer:
    """A section of verl's configuration: the keys in it that toolspec decides."""
    items = tuple(
        PathItem(key, setting.value, origin(setting, compiled.loaded.names), setting.decision.span, {}, "")
        for key, setting in sorted(compiled.config.settings.items())
        if below(key, section) and setting.written
    )
    return PathAnswer(section, items, "" if items else "every key in it has verl's default")
