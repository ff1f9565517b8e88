"""The many ways to write one spec as YAML: key order, short forms, block and flow style, quotes."""

from __future__ import annotations

import json
import math
import random
import re
from typing import Any

from toolspec.specs.shape import fields_of, sections_at

SpecPath = tuple[str, ...]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/-]*")
_NOT_PLAIN = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
# Lists that may be written as their one item.
_ONE_OF_MANY = {"data.train", "data.val", "tracking.to", "cluster.slurm.modules", "cluster.slurm.setup"}


def shuffled(value: Any, dice: random.Random, *, free: bool = True, path: SpecPath = ()) -> Any:
    """The same value with the keys of its mappings in another order; `free`: also of those that are no section."""
    if isinstance(value, list):
        return [shuffled(item, dice, free=free, path=(*path, "0")) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    if free or any(set(keys) <= set(fields_of(section)) for section in sections_at(_steps(path))):
        dice.shuffle(keys)
    return {key: shuffled(value[key], dice, free=free, path=(*path, key)) for key in keys}


def _steps(path: SpecPath) -> list[str | int]:
    return [0 if part == "0" else part for part in path]


def respelled(value: Any, dice: random.Random, path: SpecPath = ()) -> Any:
    """The same spec with mappings and lists of one written short here and there."""
    if isinstance(value, list):
        items = [respelled(item, dice, (*path, "0")) for item in value]
        bare = len(items) == 1 and ".".join(path) in _ONE_OF_MANY and dice.random() < 0.5
        return items[0] if bare else items
    if not isinstance(value, dict):
        return value
    value = {key: respelled(item, dice, (*path, key)) for key, item in value.items()}
    words = {section.short_form for section in sections_at(_steps(path))} - {""}
    for word_ in words:
        if set(value) == {word_} and not isinstance(value[word_], dict) and dice.random() < 0.5:
            return value[word_]
    return value


def rendered(value: dict[str, Any], dice: random.Random) -> str:
    """YAML text of a mapping, in block style with flow parts here and there."""
    return "".join(f"{line}\n" for line in _block(value, dice))


def one_line(value: dict[str, Any]) -> str:
    """YAML text of a mapping on one line: every part of it stands on line 1."""
    return flow(value, random.Random(0)) + "\n"


def _block(value: Any, dice: random.Random) -> list[str]:
    lines = []
    if isinstance(value, dict):
        for key, item in value.items():
            head = f"{scalar(key, dice)}:"
            if isinstance(item, dict | list) and item and dice.random() < 0.6:
                lines += [head, *(f"  {line}" for line in _block(item, dice))]
            else:
                lines.append(f"{head} {flow(item, dice)}")
        return lines
    for item in value:
        if isinstance(item, dict) and item and dice.random() < 0.5:
            first, *rest = _block(item, dice)
            lines += [f"- {first}", *(f"  {line}" for line in rest)]
        else:
            lines.append(f"- {flow(item, dice)}")
    return lines


def flow(value: Any, dice: random.Random) -> str:
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{scalar(key, dice)}: {flow(item, dice)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(flow(item, dice) for item in value) + "]"
    return scalar(value, dice)


def scalar(value: Any, dice: random.Random) -> str:
    if value is None:
        return dice.choice(("null", "~"))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        assert math.isfinite(value)
        return repr(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN and dice.random() < 0.7:
        return str(value)
    if "\n" not in value and dice.random() < 0.3:
        return "'" + str(value).replace("'", "''") + "'"
    # YAML has no surrogate pairs, which JSON writes.
    ascii_only = max(value, default="") < "\uffff" and dice.random() < 0.3
    return json.dumps(value, ensure_ascii=ascii_only)
