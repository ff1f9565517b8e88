"""A spec as text: sections in the language's order, one key a line, with the place that each comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolspec.backends.verl.emit.config_yaml import quoted
from toolspec.specs.scalars import NumberRangeError, read_plain
from toolspec.specs.section import Section
from toolspec.specs.shape import fields_of, sections_at
from toolspec.specs.spec import Spec

COMMENT_COLUMN = 48
_PLAIN = re.compile(r"[A-Za-z0-9_./~$+](?:[A-Za-z0-9_./~$+=@%-]|:(?=[A-Za-z_]))*")


def spec_text(values: Mapping[str, Any], comments: Mapping[str, str], head: Sequence[str]) -> str:
    """values: dotted path → value. comments: path (of an override `overrides.KEY`) → what stands behind it."""
    tree = _tree(values)
    lines = [f"# {line}".rstrip() for line in head]
    for name in fields_of(Spec):
        if name in tree:
            lines += _entry(name, tree[name], comments)
    return "\n".join(lines) + "\n"


def _tree(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in values.items():
        if path.startswith("overrides."):
            tree.setdefault("overrides", {})[path.removeprefix("overrides.")] = value
            continue
        name, _, below = path.partition(".")
        if not below:
            tree[name] = value
        else:
            tree.setdefault(name, {})[below] = value
    return tree


def _entry(name: str, value: Any, comments: Mapping[str, str]) -> Iterator[str]:
    section = next(iter(sections_at((name,))), None)
    if not isinstance(value, dict) or name == "reward" or not value:
        yield _line(f"{name}: {flow(value)}", comments.get(name, ""))
        return
    if section is not None and list(value) == [section.short_form]:
        yield _line(
            f"{name}: {flow(value[section.short_form])}", comments.get(f"{name}.{section.short_form}", "")
        )
        return
    yield f"{name}:"
    for key in _ordered(value, section):
        yield _line(f"  {scalar(key)}: {flow(value[key])}", comments.get(f"{name}.{key}", ""))


def _ordered(value: Mapping[str, Any], section: type[Section] | None) -> list[str]:
    order = list(fields_of(section)) if section is not None else []
    return sorted(value, key=lambda key: order.index(key) if key in order else len(order))


def _line(text: str, comment: str) -> str:
    return f"{text.ljust(COMMENT_COLUMN)}  # {comment}" if comment else text


def flow(value: Any) -> str:
    """A value on one line, as YAML 1.2 reads it back."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(k))}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A scalar that a spec's reader gives back as it is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return re.sub(r"e([-+])0*(\d)", r"e\1\2", repr(value))
    if not isinstance(value, str):
        return str(value)
    try:
        read, note = read_plain(value) if value else (None, "")
    except NumberRangeError:
        return quoted(value)
    return value if _PLAIN.fullmatch(value) and read == value and not note else quoted(value)
