"""Changes of verl's keys as edits of the spec that was compiled to them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolspec.backends.verl.lint.edits import lay, take
from toolspec.backends.verl.lint.rule import Change, Drop, Put
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.lower.table import TABLE
from toolspec.backends.verl.renames import common_name
from toolspec.backends.verl.yaml_changes import move, put, remove
from toolspec.backends.verl.yaml_text import YamlText
from toolspec.specs.problem import Edit, ProblemError
from toolspec.specs.scalars import YAML_1_2
from toolspec.specs.shape import annotations_at, sections_at

OVERRIDES = "overrides"


def spec_edits(view: View, changes: Sequence[Change]) -> tuple[Edit, ...]:
    """The edits of the spec's own file; () where a change is none of a single value, or `--set` decides it."""
    loaded = view.run.spec.loaded
    data = view.files.read(Path(loaded.file))
    if data is None:
        return ()
    try:
        text = YamlText(data, str(loaded.file), YAML_1_2)
        expected = copy.deepcopy(text.value)
        for change in changes:
            path = _path(view, change)
            if path is None or any(given.split("=")[0] == ".".join(path) for given in loaded.sets):
                return ()
            if not _changed(text, expected, path, change, view):
                return ()
        return text.edits(expected)
    except (ProblemError, KeyError, TypeError):
        return ()


def _path(view: View, change: Change) -> tuple[str, ...] | None:
    """Where the spec says the key: among its overrides, or at the field that the key is written from."""
    said = next((one for one in reversed(view.run.said) if one.key == change.key), view.said(change.key))
    if said is not None and said.overridden:
        return OVERRIDES, said.path.removeprefix(f"{OVERRIDES}.")
    if not isinstance(change, Put):
        return None
    name = common_name(view.name(change.key), view.version)
    row = next((row for row in TABLE if row.key == name and row.value is None), None)
    path = tuple(row.plan.split(".")) if row is not None else ()
    return path if path and annotations_at(path) else None


def _changed(
    text: YamlText, expected: dict[str, Any], path: tuple[str, ...], change: Change, view: View
) -> bool:
    if isinstance(change, Drop):
        take(expected, path)
        return remove(text, [path])
    if not isinstance(change, Put):
        new = (OVERRIDES, view.name(change.new))
        lay(expected, new, take(expected, path))
        return move(text, path, new)
    sections = sections_at(path[:-1])
    short = sections[0].short_form if sections else ""
    if len(path) > 1 and short:
        around = expected
        for name in path[:-2]:
            around = around.get(name) or {}
        held = around.get(path[-2])
        if held is not None and not isinstance(held, dict):
            around[path[-2]] = {short: held}
    lay(expected, path, change.value)
    return put(text, path, change.value, short)
