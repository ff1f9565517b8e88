"""A spec that is read and not yet validated, and one laid over another: parents, settings, values of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from toolspec.specs.problem import Problem, Span
from toolspec.specs.section import Section
from toolspec.specs.shape import sections_at

T = TypeVar("T")
SpecPath = tuple[str | int, ...]


class Raw(NamedTuple):
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


def merge(parent: Raw, child: Raw) -> Raw:
    """`child` over `parent`: mappings key by key, lists and values replaced; each part keeps its own place.

    A bare value means what its long form means: `algorithm: grpo` over `{name: ppo, batch: 64}` sets the name, and
    a mapping over `algorithm: ppo` adds to it. What describes the thing that a bare value names (Section.described)
    goes with the old name, and a preset is the whole of its section (Section.bare_is_whole).
    """
    kept: set[SpecPath] = set()  # of `parent`, with all that is below
    joined: set[SpecPath] = set()  # mappings in both
    spelled: dict[SpecPath, SpecPath] = {}  # place in a long form → the bare value of `parent` that says it

    def over(old: Any, new: Any, path: SpecPath) -> Any:
        if isinstance(new, dict) and not isinstance(old, (dict, type(None))):
            old = long_form(old, path)
            if isinstance(old, dict):
                spelled.update({(*path, key): path for key in old})
        elif isinstance(old, dict) and not isinstance(new, (dict, type(None))):
            old, new = _bare_over(old, new, path)
        if not (isinstance(old, dict) and isinstance(new, dict)):
            return new
        joined.add(path)
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

    def both(child_has: Mapping[SpecPath, T], parent_has: Mapping[SpecPath, T]) -> dict[SpecPath, T]:
        found = {path: entry for path, entry in parent_has.items() if path in joined or _is_below(path, kept)}
        found.update(
            {path: parent_has[said] for path, said in spelled.items() if path in kept and said in parent_has}
        )
        return {**found, **child_has}

    # A setting names the sections on its way; what is missing in one of them is missing where the file has it.
    passed = {path for path in joined if path in parent.key_spans and path not in child.spans}
    own_keys = {path: span for path, span in child.key_spans.items() if path not in passed}
    return Raw(
        value,
        both(child.spans, parent.spans),
        both(own_keys, parent.key_spans),
        both(child.ambiguous, parent.ambiguous),
        child.sources,
        (*child.files, *parent.files),
        (*child.secrets, *parent.secrets),
    )


def _is_below(path: SpecPath, kept: set[SpecPath]) -> bool:
    return any(path[:end] in kept for end in range(1, len(path) + 1))


def long_form(value: Any, path: SpecPath) -> Any:
    """`ppo` as `{name: ppo}` where the language lets a bare value stand for a mapping; else the value itself."""
    section = _section(path)
    return value if section is None else section.long_form(value)


def _bare_over(old: dict[str, Any], new: Any, path: SpecPath) -> tuple[Any, Any]:
    section = _section(path)
    if section is None or section.bare_is_whole:
        return old, new
    spelled = section.long_form(new)
    if isinstance(spelled, dict) and any(old.get(k) != v for k, v in spelled.items()):
        old = {key: value for key, value in old.items() if key not in section.described}
    return old, spelled


def _section(path: SpecPath) -> type[Section] | None:
    return next(iter(sections_at(path)), None)


def lay(raw: Raw, path: tuple[str, ...], value: Any, span: Span | None) -> Raw:
    """`raw` with `value` at `path`, said at `span`."""
    if not isinstance(raw.value, dict):
        return raw
    for part in reversed(path):
        value = {part: value}
    spans: dict[SpecPath, Span] = (
        {path[:depth]: span for depth in range(1, len(path) + 1)} if span is not None else {}
    )
    return merge(raw, Raw(value, spans, dict(spans), {}, raw.sources, ()))
