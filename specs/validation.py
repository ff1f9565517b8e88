"""A raw spec checked against the models: every error at once, each at its place, in the user's words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from toolspec.specs.advice import advice
from toolspec.specs.foreign import meant_key
from toolspec.specs.problem import Problem, ProblemError, in_file_order, nearest_span
from toolspec.specs.refused import refused
from toolspec.specs.shape import accepted, keys_at
from toolspec.specs.spec import Spec

if TYPE_CHECKING:
    from toolspec.specs.raw import Raw

SpecPath = tuple[str | int, ...]

# pydantic's error type → what a reader is told of the value that was wanted.
_WANTED: Mapping[str, str] = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "finite_number": "a finite number",
    "string_too_short": "text that is not empty",
    "too_short": "a list of {min_length} or more",
}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_DID_YOU_MEAN = re.compile(r"did you mean `(\w+)`\?")
# Patterns of the language in words.
_PATTERNS: Mapping[str, str] = {
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$": "a name of letters, digits, `.`, `_` and `-` (at most 100, no blank)",
    r"^[a-zA-Z0-9_-]{1,64}$": "a name of letters, digits, `_` and `-` (at most 64, no blank)",
}


def validate(raw: Raw) -> Spec:
    """The spec that `raw` says. Raises ProblemError with everything that is wrong with it, in file order."""
    if not isinstance(raw.value, dict):
        raise ProblemError(
            (Problem("TS012", "not-a-mapping", "a spec is a mapping of keys to values", None),)
        )
    known = [_placed(raw, problem) for problem in refused(raw.value)]
    known_paths = {problem.path for problem in known}
    try:
        spec = Spec.model_validate(raw.value)
    except ValidationError as error:
        found = [
            p for p in _problems(raw, error.errors(include_url=False)) if not _covered(p.path, known_paths)
        ]
        raise ProblemError(in_file_order([*known, *found])) from None
    if known:
        raise ProblemError(in_file_order(known))
    return spec


def _covered(path: str, known: set[str]) -> bool:
    return any(path == k or path.startswith(k + ".") for k in known)


def _placed(raw: Raw, problem: Problem) -> Problem:
    path = tuple(problem.path.split("."))
    span = raw.key_spans.get(path) or raw.spans.get(path)
    return Problem(problem.code, problem.name, problem.message, span, problem.path, problem.why, problem.fix)


class _Place(NamedTuple):
    """Where an error is. path: as the file has it. shape: as the language has it.

    They differ where one stands for a list of one, and where a bare value stands for a mapping; said: the shape
    without the keys that such a bare value leaves out.
    """

    path: SpecPath
    shape: SpecPath
    said: SpecPath

    def below(self, key: str | int) -> _Place:
        return _Place((*self.path, key), (*self.shape, key), (*self.said, key))


def _problems(raw: Raw, errors: list[ErrorDetails]) -> Iterator[Problem]:
    """One problem a place: pydantic gives one error for each member of a union, which a reader wants as one."""
    grouped: dict[tuple[SpecPath, str], list[tuple[_Place, ErrorDetails]]] = {}
    for error in errors:
        place = _place_of(raw.value, error["loc"])
        kind = "value" if error["type"] not in ("extra_forbidden", "missing") else error["type"]
        if kind == "missing":
            place = place.below(error["loc"][-1])
        grouped.setdefault((place.path, kind), []).append((place, error))
    paths = [path for path, _ in grouped]
    misspelt = {
        path: _unknown_key(raw, found[0][0])
        for (path, kind), found in grouped.items()
        if kind == "extra_forbidden"
    }
    # A key that is missing and misspelt is one mistake.
    meant = {(*path[:-1], _meant(problem)) for path, problem in misspelt.items()}
    for (path, kind), found in grouped.items():
        place = max((place for place, _ in found), key=lambda place: len(place.shape))
        group = [error for _, error in found]
        if kind == "extra_forbidden":
            yield misspelt[path]
        elif kind == "missing":
            if path not in meant:
                yield _missing_key(raw, place)
        elif not _explained_deeper(path, group, paths):
            if len(group) > 1:  # a list whose only entry is refused is too short as well
                group = [error for error in group if error["type"] != "too_short"] or group
            yield _wrong_value(raw, place, group)


def _explained_deeper(path: SpecPath, group: list[ErrorDetails], paths: list[SpecPath]) -> bool:
    """A union member that does not fit at all, where another member fits and has an error further in."""
    deeper = any(len(other) > len(path) and other[: len(path)] == path for other in paths)
    return deeper and all(error["type"] != "value_error" for error in group)


def _place_of(value: Any, loc: tuple[int | str, ...]) -> _Place:
    """`loc` without the names of union members and short forms that pydantic puts in between."""
    path: list[str | int] = []
    shape: list[str | int] = []
    said = 0
    for component in loc:
        inside = isinstance(value, dict) and component in value
        if inside or (isinstance(value, list) and isinstance(component, int) and component < len(value)):
            value = value[component]
            path.append(component)
            shape.append(component)
            said = len(shape)
        elif isinstance(component, int) or (not isinstance(value, dict) and component in keys_at(shape)):
            shape.append(component)
    said = len(shape) if shape and isinstance(shape[-1], int) else said
    return _Place(tuple(path), tuple(shape), tuple(shape[:said]))


def _dotted(path: SpecPath) -> str:
    return ".".join(str(part) for part in path)


def _unknown_key(raw: Raw, place: _Place) -> Problem:
    path = place.path
    keys = keys_at(place.shape[:-1])
    return Problem(
        code="TS023",
        name="unknown-key",
        message=f"`{path[-1]}` is no key of {_owner(path)}",
        span=raw.key_spans.get(path) or nearest_span(raw.spans, path),
        path=_dotted(path),
        why=f"known here: {', '.join(keys)}" if keys else "",
        fix=meant_key(_dotted(path[:-1]), str(path[-1]), keys),
    )


def _meant(problem: Problem) -> str:
    found = _DID_YOU_MEAN.fullmatch(problem.fix)
    return found[1] if found else ""


def _owner(path: SpecPath) -> str:
    return f"`{_dotted(path[:-1])}`" if path[:-1] else "a spec"


def _missing_key(raw: Raw, place: _Place) -> Problem:
    path = place.path
    takes = accepted(place.shape)
    return Problem(
        code="TS024",
        name="missing-key",
        message=f"{_owner(path).replace('a spec', 'the spec')} needs `{path[-1]}`"
        + (f", {takes}" if takes and len(takes) < 60 else ""),
        span=raw.key_spans.get(path[:-1]) or nearest_span(raw.spans, path),
        path=_dotted(path),
        fix=f"add `{path[-1]}: {takes}`" if takes.isdigit() else f"add `{path[-1]}:`",
    )


def _wrong_value(raw: Raw, place: _Place, group: list[ErrorDetails]) -> Problem:
    path = place.path
    value = _at(raw.value, path)
    span = nearest_span(raw.spans, path)
    first = group[0]
    own_words = [
        str(e["ctx"]["error"])
        for e in group
        if e["type"] in ("value_error", "assertion_error") and "ctx" in e
    ]
    is_key = first["loc"][-1] == "[key]"
    if own_words:
        message = own_words[0]
    elif first["type"] == "string_pattern_mismatch" and "ctx" in first:
        wanted = _PATTERNS.get(first["ctx"]["pattern"], f"text of the form {first['ctx']['pattern']}")
        message = f"{wanted} is needed, not {_shown(path[-1] if is_key else value)}"
    elif bounded := _bound(group):
        message = f"{bounded} is needed, not {_shown(value)}"
    else:
        message = f"{accepted(place.said) or 'another value'} is needed, not {_shown(value)}"
    if is_key:
        fix = f"write {_NOT_IN_NAMES.sub('_', str(path[-1]))}"
        return Problem("TS026", "wrong-value", message, raw.key_spans.get(path, span), _dotted(path), "", fix)
    why, fix = advice(
        value,
        place.shape,
        raw.ambiguous.get(path, ""),
        lambda other: _is_taken(raw, path, other),
        said=bool(own_words),
    )
    return Problem("TS026", "wrong-value", message, span, _dotted(path), why, fix)


def _bound(group: list[ErrorDetails]) -> str:
    """`1 or more, or never`, where the value is of the right kind and only its size is wrong; else ""."""
    sizes = [e for e in group if e["type"] in _WANTED]
    words = [
        e["ctx"]["expected"].replace("'", "") for e in group if e["type"] == "literal_error" and "ctx" in e
    ]
    if len(sizes) != 1 or len(sizes) + len(words) != len(group):
        return ""
    limits = {k: f"{v:g}" if isinstance(v, float) else v for k, v in sizes[0].get("ctx", {}).items()}
    return ", or ".join([_WANTED[sizes[0]["type"]].format(**limits), *words])


def _is_taken(raw: Raw, path: SpecPath, value: Any) -> bool:
    """Whether the place takes this value, whatever else is wrong with the spec."""
    try:
        Spec.model_validate(_with(raw.value, path, value))
    except ValidationError as error:
        errors = error.errors(include_url=False)
        return not any(_place_of(raw.value, e["loc"]).path[: len(path)] == path for e in errors)
    return True


def _with(value: Any, path: SpecPath, new: Any) -> Any:
    """`value` with another value at `path`, which it has; nothing is changed in place."""
    if not path:
        return new
    if isinstance(value, list):
        return [
            _with(item, path[1:], new) if number == path[0] else item for number, item in enumerate(value)
        ]
    return {key: _with(item, path[1:], new) if key == path[0] else item for key, item in value.items()}


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _at(value: Any, path: SpecPath) -> Any:
    for component in path:
        value = value[component]
    return value
