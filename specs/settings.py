"""`--set path=value`: the settings of a command line as one raw spec, to be laid over that of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.raw import Raw, SpecPath, merge
from toolspec.specs.secret import masked, secrets_in
from toolspec.specs.yaml_tree import value_tree

SET = "--set"
"""The settings are shown as the lines of a file of this name."""


def settings(raw: Raw, texts: Sequence[str]) -> Raw:
    """`raw` with all settings laid over it. Raises ProblemError with every problem of their form.

    A shorter path comes first, so that `model=NAME` and `model.chat_template=FILE` are both meant in either order;
    of one path the later setting wins.
    """
    problems: list[Problem] = []
    read: list[tuple[int, Raw]] = []
    for number, text in enumerate(texts, start=1):
        try:
            said = setting(text, number)
            check_lists(raw, said)
            read.append((text.partition("=")[0].count("."), said))
        except ProblemError as error:
            problems += error.problems
    if problems:
        raise ProblemError(tuple(problems))
    for _, said in sorted(read, key=lambda one: one[0]):
        raw = merge(raw, said)
    return raw


def split(text: str, number: int = 1) -> tuple[tuple[str, ...], str, str]:
    """Path, its text and the value's text of the command line's `path=value` number `number`.

    Raises ProblemError for another form, and for `extends`.
    """
    path_text, sign, value_text = text.partition("=")
    path = tuple(part.strip() for part in path_text.split("."))
    span = Span(SET, number, 1, max(1, len(text)))
    if not sign or not all(path):
        message = f"`{masked(text)}` is not of the form path=value"
        fix = f"{SET} {path_text.strip()}=VALUE" if all(path) else f"{SET} algorithm.group=8, say"
        raise _refused(message, span, fix=fix)
    if path[0] == "extends":
        message = "`extends` is read before any setting; name the child spec in its place"
        raise _refused(message, span, "extends")
    return path, path_text, value_text


def setting(text: str, number: int = 1) -> Raw:
    """The command line's `path=value` number `number`; the value is YAML. Raises ProblemError."""
    path, path_text, value_text = split(text, number)
    offset = len(path_text) + 1
    try:
        tree = value_tree(value_text, SET)
    except ProblemError as error:
        dotted = ".".join(path)
        raise ProblemError(
            tuple(
                p._replace(span=_moved(p.span, number, offset), path=f"{dotted}.{p.path}".rstrip("."))
                for p in error.problems
            )
        ) from None
    value: Any = tree.value
    for part in reversed(path):
        value = {part: value}
    whole = Span(SET, number, offset + 1, max(1, len(value_text)))
    return Raw(
        value,
        {**_below(path, tree.spans, number, offset), path: whole},
        {**_parts(path, path_text, number), **_below(path, tree.key_spans, number, offset)},
        {(*path, *below): note for below, note in tree.ambiguous.items()},
        {},
        (),
        tuple(secrets_in(value, {(): whole}, {})),
    )


def check_lists(raw: Raw, said: Raw) -> None:
    """Raises ProblemError for a setting of one entry of a list, which only replaces the list as a whole."""
    problems = []
    for path, span in said.key_spans.items():
        above = [path[:depth] for depth in range(1, len(path))]
        found = next((p for p in above if isinstance(_at(raw.value, p), list)), None)
        if found is not None and str(path[len(found)]).isdigit():
            name = ".".join(map(str, found))
            message = f"`{name}` is a list, which a setting replaces as a whole"
            problems.append(Problem("TS022", "set", message, span, name, fix=f"--set '{name}=[…]'"))
    if problems:
        raise ProblemError(tuple(problems))


def _at(value: Any, path: SpecPath) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _parts(path: tuple[str, ...], text: str, number: int) -> dict[SpecPath, Span]:
    """The place of each part of the path as a key."""
    written = text.split(".")
    starts = accumulate((len(part) + 1 for part in written), initial=1)
    return {
        path[: depth + 1]: Span(SET, number, start + len(part) - len(part.lstrip()), len(part.strip()))
        for depth, (part, start) in enumerate(zip(written, starts, strict=False))
    }


def _below(path: SpecPath, spans: Mapping[SpecPath, Span], number: int, offset: int) -> dict[SpecPath, Span]:
    return {(*path, *below): _moved(span, number, offset) for below, span in spans.items()}


def _moved(span: Span | None, number: int, offset: int) -> Span:
    """A place in the value as a place in the setting; one on a later line of the value as its beginning."""
    if span is None or span.line > 1:
        return Span(SET, number, offset + 1)
    return Span(SET, number, span.column + offset, span.length)


def _refused(message: str, span: Span, path: str = "", fix: str = "") -> ProblemError:
    return ProblemError((Problem("TS022", "set", message, span, path, fix=fix),))
