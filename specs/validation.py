"""A raw spec checked against the models: every error at once, each at its place, in the user's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from toolspec.specs.nearest import nearest
from toolspec.specs.problem import Problem, ProblemError, in_file_order, nearest_span
from toolspec.specs.refused import refused
from toolspec.specs.shape import accepted, annotations_at, keys_at
from toolspec.specs.spec import Spec

if TYPE_CHECKING:
    from toolspec.specs.loading import Raw

SpecPath = tuple[str | int, ...]

# pydantic's error type → what a reader is told of the value that was wanted.
_WANTED: Mapping[str, str] = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "finite_number": "a finite number",
    "string_too_short": "text that is not empty",
    "too_short": "at least {min_length} entry",
}
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


def _problems(raw: Raw, errors: list[ErrorDetails]) -> Iterator[Problem]:
    """One problem a place: pydantic gives one error for each member of a union, which a reader wants as one."""
    grouped: dict[tuple[SpecPath, str], list[ErrorDetails]] = {}
    for error in errors:
        path = _real_path(raw.value, error["loc"])
        kind = "value" if error["type"] not in ("extra_forbidden", "missing") else error["type"]
        missing = (error["loc"][-1],) if kind == "missing" else ()
        grouped.setdefault(((*path, *missing), kind), []).append(error)
    paths = [path for path, kind in grouped if kind == "value"]
    for (path, kind), group in grouped.items():
        if kind == "extra_forbidden":
            yield _unknown_key(raw, path)
        elif kind == "missing":
            yield _missing_key(raw, path)
        elif not _explained_deeper(path, group, paths):
            yield _wrong_value(raw, path, group)


def _explained_deeper(path: SpecPath, group: list[ErrorDetails], paths: list[SpecPath]) -> bool:
    """A union member that does not fit at all, where another member fits and has an error further in."""
    deeper = any(len(other) > len(path) and other[: len(path)] == path for other in paths)
    return deeper and all(error["type"] != "value_error" for error in group)


def _real_path(value: Any, loc: tuple[int | str, ...]) -> SpecPath:
    """`loc` without the names of union members and short forms that pydantic puts in between."""
    path: list[str | int] = []
    for component in loc:
        inside = isinstance(value, dict) and component in value
        if inside or (isinstance(value, list) and isinstance(component, int) and component < len(value)):
            value = value[component]
            path.append(component)
    return tuple(path)


def _dotted(path: SpecPath) -> str:
    return ".".join(str(part) for part in path)


def _unknown_key(raw: Raw, path: SpecPath) -> Problem:
    keys = keys_at(path[:-1])
    close = nearest(str(path[-1]), keys)
    where = f"`{_dotted(path[:-1])}`" if path[:-1] else "a spec"
    return Problem(
        code="TS023",
        name="unknown-key",
        message=f"`{path[-1]}` is no key of {where}",
        span=raw.key_spans.get(path) or nearest_span(raw.spans, path),
        path=_dotted(path),
        why=f"known here: {', '.join(keys)}" if keys else "",
        fix=f"did you mean `{close[0]}`?" if close else "",
    )


def _missing_key(raw: Raw, path: SpecPath) -> Problem:
    where = f"`{_dotted(path[:-1])}`" if path[:-1] else "the spec"
    takes = accepted(path)
    return Problem(
        code="TS024",
        name="missing-key",
        message=f"{where} needs `{path[-1]}`" + (f", {takes}" if takes and len(takes) < 60 else ""),
        span=raw.key_spans.get(path[:-1]) or nearest_span(raw.spans, path),
        path=_dotted(path),
        fix=f"add `{path[-1]}:`",
    )


def _wrong_value(raw: Raw, path: SpecPath, group: list[ErrorDetails]) -> Problem:
    value = _at(raw.value, path)
    span = nearest_span(raw.spans, path)
    own_words = [
        str(e["ctx"]["error"])
        for e in group
        if e["type"] in ("value_error", "assertion_error") and "ctx" in e
    ]
    fix = why = ""
    if own_words:
        message = own_words[0]
    elif group[0]["type"] == "string_pattern_mismatch" and "ctx" in group[0]:
        wanted = _PATTERNS.get(group[0]["ctx"]["pattern"], f"text of the form {group[0]['ctx']['pattern']}")
        named = f'"{path[-1]}"' if group[0]["loc"][-1] == "[key]" else _shown(value)
        span = raw.key_spans.get(path, span) if group[0]["loc"][-1] == "[key]" else span
        message = f"{wanted} is needed, not {named}"
    elif group[0]["type"] in _WANTED and len(group) == 1:
        message = (
            f"{_WANTED[group[0]['type']].format(**group[0].get('ctx', {}))} is needed, not {_shown(value)}"
        )
    else:
        message = f"{accepted(path) or 'another value'} is needed, not {_shown(value)}"
        fix = _closest_word(value, path)
    if path in raw.ambiguous:
        why = raw.ambiguous[path]
    elif isinstance(value, str) and not own_words:
        why, fix = _misread_text(value, path, fix)
    return Problem("TS026", "wrong-value", message, span, _dotted(path), why, fix)


def _misread_text(value: str, path: SpecPath, fix: str) -> tuple[str, str]:
    """Text where a number or a truth value is wanted: quotes around it, or a unit on it."""
    takes = annotations_at(path)
    if bool in takes and value.lower() in ("true", "false", "yes", "no", "on", "off"):
        return (
            "the quotes make it text",
            f"write {'true' if value.lower() in ('true', 'yes', 'on') else 'false'}",
        )
    if int in takes or float in takes:
        digits = value.replace("_", "").replace(",", "").strip()
        try:
            number = float(digits)
        except ValueError:
            head = digits.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ% ")
            if head and head != digits and head.replace(".", "", 1).isdigit():
                return (
                    f"this field is a bare number; it has no unit such as {digits[len(head) :].strip()}",
                    fix,
                )
            return "", fix
        text = digits if number != int(number) or "e" in digits.lower() else str(int(number))
        return "it is written as text", f"write {text}"
    return "", fix


def _closest_word(value: Any, path: SpecPath) -> str:
    words = [
        w for a in annotations_at(path) if hasattr(a, "__args__") for w in a.__args__ if isinstance(w, str)
    ]
    close = nearest(value, words) if isinstance(value, str) else []
    return f"did you mean {close[0]}?" if close else ""


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
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
