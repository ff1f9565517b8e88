"""A point as a spec of its own: its values laid over the spec, and what no two points may share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from toolspec.compiler.sweep.expansion import Point
from toolspec.specs.advice import in_words_of_the_place
from toolspec.specs.loading import LoadedSpec
from toolspec.specs.problem import ProblemError, Span
from toolspec.specs.sweep_check import canonical, lay_values, parts_of
from toolspec.specs.validation import validate

OWN = ("name", "tracking.experiment", "checkpoint.dir")
"""Spec paths that every point has of its own, so that no two runs share a name at the tracker or a folder."""


def point_spec(loaded: LoadedSpec, point: Point) -> LoadedSpec:
    """The spec of a point; `sets` on it are the settings that give its values again.

    Raises ProblemError where the values do not go together, each problem at the value in the sweep that it is about.
    """
    values = [(change.path, change.value, loaded.span(change.place)) for change in point.changes]
    laid: list[tuple[str, Any, Span | None]] = [*values, *_own(loaded, point)]
    raw = lay_values(loaded.raw, laid)
    try:
        spec = validate(raw)
    except ProblemError as error:
        error.problems = tuple(in_words_of_the_place(one) for one in error.problems)
        error.sources = loaded.sources  # type: ignore[attr-defined]
        raise
    return LoadedSpec(
        spec, raw, loaded.file, (*loaded.sets, *(_setting(path, value) for path, value, _ in laid))
    )


def _own(loaded: LoadedSpec, point: Point) -> Iterator[tuple[str, Any, Span | None]]:
    yield "name", point.name, loaded.span(("name",))
    swept = {canonical(change.path) for change in point.changes}
    experiment, folder = loaded.spec.tracking.experiment, loaded.spec.checkpoint.dir
    if experiment is not None and "tracking.experiment" not in swept:
        yield "tracking.experiment", f"{experiment}-{point.suffix}", loaded.span(("tracking", "experiment"))
    if folder is not None and "checkpoint.dir" not in swept:
        yield "checkpoint.dir", f"{folder.rstrip('/')}/{point.name}", loaded.span(("checkpoint", "dir"))
    yield "sweep", None, loaded.span(("sweep",))


def _setting(path: str, value: Any) -> str:
    """`--set` of a value; a raw key of verl goes in a mapping, since it has dots."""
    parts = parts_of(path)
    if parts[0] == "overrides" and len(parts) == 2:
        path, value = "overrides", {parts[1]: value}
    return f"{path}={json.dumps(value, ensure_ascii=False)}"
