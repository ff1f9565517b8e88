"""Changes of YAML files beside a run as edits of their texts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from toolspec.backends.verl.lint.rule import Lay
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.omegaconf_scalars import OMEGACONF
from toolspec.backends.verl.yaml_rewrite import rewrite
from toolspec.backends.verl.yaml_text import YamlText
from toolspec.specs.problem import Edit, ProblemError


def beside_edits(view: View, changes: Iterable[Lay]) -> tuple[Edit, ...]:
    """The edits that make all of the changes; () where one of them cannot be made."""
    by_file: dict[str, list[Lay]] = {}
    for change in changes:
        by_file.setdefault(change.file, []).append(change)
    made: list[Edit] = []
    for file, wanted in by_file.items():
        data = view.files.read(Path(file))
        try:
            if data is None:
                return ()
            text, expected = laid(data, file, wanted)
            edits = text.edits(expected)
        except ProblemError:
            return ()
        if not edits:
            return ()
        made += edits
    return tuple(made)


def laid(data: bytes, file: str, changes: Sequence[Lay]) -> tuple[YamlText, dict[str, Any]]:
    """The text with the edits gathered, and the value that it must have then. Raises ProblemError."""
    text = YamlText(data, file, OMEGACONF, lists=True)
    expected = copy.deepcopy(text.value)
    for change in changes:
        above: Any = expected
        for name in change.path[:-1]:
            above = above[name]
        last = change.path[-1]
        rewrite(text, tuple(map(str, change.path)), above[last], change.value)
        above[last] = change.value
    return text, expected
