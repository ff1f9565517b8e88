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

MOST_BYTES = 2 << 20
"""Of texts that are read anew for one run's edits, once for each set of changes."""


class _Kept:
    """Edits by the places that they are of, and how many bytes were read for them."""

    def __init__(self) -> None:
        self.edits: dict[tuple[Any, ...], tuple[Edit, ...]] = {}
        self.bytes = 0


def beside_edits(view: View, changes: Sequence[Lay]) -> tuple[Edit, ...]:
    """The edits that make all of the changes; () where one of them cannot be made, or where it takes too long."""
    kept: _Kept = view.kept.setdefault("edits beside", _Kept())
    key = tuple((change.file, *change.path) for change in changes)
    if key not in kept.edits:
        kept.edits[key] = _made(view, changes, kept)
    return kept.edits[key]


def _made(view: View, changes: Iterable[Lay], kept: _Kept) -> tuple[Edit, ...]:
    by_file: dict[str, list[Lay]] = {}
    for change in changes:
        by_file.setdefault(change.file, []).append(change)
    made: list[Edit] = []
    for file, wanted in by_file.items():
        data = view.files.read(Path(file))
        if data is None or kept.bytes > MOST_BYTES:
            return ()
        kept.bytes += len(data)
        try:
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
