"""The shape of the language, read from its models: which keys a place takes, which section stands there."""

from __future__ import annotations

import types
from collections.abc import Hashable, Iterator, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from toolspec.specs.section import Section
from toolspec.specs.spec import Spec

Path = tuple[str | int, ...]
MOST_KEYS = 8
"""Keys that a sentence lists; of a longer section it names the first ones."""


def fields_of(section: type[Section]) -> dict[str, FieldInfo]:
    """The fields of a section by the name that a spec writes (`class`, not `class_`)."""
    return {info.alias or name: info for name, info in section.model_fields.items()}


def annotations_at(path: Sequence[str | int]) -> tuple[Any, ...]:
    """Every type that the language allows at `path`; empty where there is no such place."""
    current: tuple[Any, ...] = (Spec,)
    for component in path:
        current = tuple(below for annotation in current for below in _below(annotation, component))
    return tuple(m for annotation in current for m in members(annotation) if m is not type(None))


def sections_at(path: Sequence[str | int]) -> tuple[type[Section], ...]:
    """The sections that may stand at `path`: one, or none for a plain value."""
    return tuple(a for a in annotations_at(path) if isinstance(a, type) and issubclass(a, Section))


def keys_at(path: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that the mapping at `path` may have, in the order of the reference page."""
    return tuple(key for section in sections_at(path) for key in fields_of(section))


@cache
def members(annotation: Any) -> tuple[Any, ...]:
    """The members of a (nested) union, with `Annotated` taken off."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return tuple(m for part in get_args(annotation) for m in members(part))
    return (annotation,)


def _below(annotation: Any, component: str | int) -> Iterator[Any]:
    for member in members(annotation):
        origin = get_origin(member)
        if isinstance(member, type) and issubclass(member, Section):
            info = fields_of(member).get(str(component))
            if info is not None:
                yield info.annotation
            elif member.spread:
                yield from _below(fields_of(member)[member.spread].annotation, component)
        elif origin is dict:
            yield get_args(member)[1]
        elif origin in (tuple, list) and isinstance(component, int):
            yield get_args(member)[0]


def all_paths() -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every (path, field) of the language, depth first; the key of a free mapping is written `<name>`."""
    yield from _walk(Spec, ())


def _walk(section: type[Section], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for key, info in fields_of(section).items():
        here = (*path, key)
        yield here, info
        for member in members(cast(Hashable, info.annotation)):
            origin = get_origin(member)
            if isinstance(member, type) and issubclass(member, Section):
                yield from _walk(member, here)
            elif origin in (dict, tuple):
                inner = get_args(member)[1 if origin is dict else 0]
                for deep in members(inner):
                    if isinstance(deep, type) and issubclass(deep, Section):
                        yield from _walk(deep, (*here, "<name>") if origin is dict else here)


def accepted(path: Sequence[str | int]) -> str:
    """What `path` takes, in words: `a whole number or auto`, `one of a, b`; empty where there is no such place."""
    words: list[str] = []
    literals: list[str] = []
    for member in annotations_at(path):
        origin = get_origin(member)
        if origin is Literal:
            literals += [
                str(value).lower() if isinstance(value, bool) else str(value) for value in get_args(member)
            ]
        elif isinstance(member, type) and issubclass(member, Section):
            if member.short_form:
                words.append(accepted((*path, member.short_form)))
            keys = list(fields_of(member))
            words.append("a mapping with " + ", ".join(keys if len(keys) <= MOST_KEYS else [*keys[:6], "…"]))
        else:
            words.append(_ORIGINS.get(origin) or _WORDS.get(member, "a value"))
    if len(literals) > 1:
        words.append("one of " + ", ".join(literals))
    else:
        words += literals
    return " or ".join(dict.fromkeys(filter(None, words)))


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_ORIGINS: dict[Any, str] = {dict: "a mapping", tuple: "a list", list: "a list"}
