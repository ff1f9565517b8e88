"""`toolspec sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, SET, SPEC, TARGET

if TYPE_CHECKING:
    from toolspec.backends.verl.lint.choice import Choice
    from toolspec.backends.verl.sweep.listing import Listing


@click.command("sweep")
@SPEC
@click.option("--list", "listed", is_flag=True, help="List the points, which is what is done anyway.")
@TARGET
@SET
@FORMAT
def sweep(*, spec: str, listed: bool, target: str | None, sets: tuple[str, ...], form: str) -> int:
    """Say what the spec's sweep comes to: every point with what it changes, what lint finds of it, and GPU-hours.

    \b
    Example:
      toolspec sweep exp.yaml --list
      toolspec sweep exp.yaml --list --format json
      toolspec sweep exp.yaml --set 'sweep={random: {points: 16, over: {algorithm.lr: {log_uniform: [1e-7, 1e-5]}}}}'

    Nothing is written. A point's name rests on what it changes alone, so that a sweep that is extended keeps the names
    of the points that stay. Points that come to the same run are said, and count once.

    Exit codes: 0 every point is fine, 1 one has an error or the sweep is over its budget, 2 wrong usage or a fault of
    toolspec's own.
    """
    from toolspec.backends.verl.sweep.expand import expand
    from toolspec.backends.verl.sweep.listing import listing
    from toolspec.cli.progress import Progress
    from toolspec.specs.loading import load

    loaded = load(Path(spec), sets)
    with Progress("points") as progress:
        found = listing(expand(loaded, target, choice=choice_beside(Path(spec))), progress)
    if form == "json":
        print_json(document(found))
    else:
        from toolspec.cli.sweep_text import lines

        print("\n".join(lines(found)))
    return int(found.failed)


def choice_beside(spec: Path) -> Choice:
    """The findings that count by the settings beside the spec. Raises ProblemError for settings that are wrong."""
    from toolspec.backends.verl.lint.choice import Choice
    from toolspec.backends.verl.lint.settings import find_settings
    from toolspec.backends.verl.written.files import Files

    settings = find_settings(spec.parent, Files())
    ignored = (*settings.ignore, *settings.ignored_in(str(spec)))
    return Choice(settings.select, ignored, settings.severity)


def document(found: Listing) -> dict[str, Any]:
    """The contract, version 1."""
    from toolspec.specs.excerpt import to_json
    from toolspec.specs.secret import without_secrets

    return {
        "version": 1,
        "name": found.name,
        "parallel": found.parallel,
        "points": [
            {
                "name": point.name,
                "values": {path: without_secrets(value, path) for path, value in point.values.items()},
                "bundle": point.bundle,
                "findings": to_json(point.findings),
                "gpu_hours": point.gpu_hours,
                "same_as": point.same_as,
            }
            for point in found.points
        ],
        "findings": to_json(found.common),
        "gpu_hours": {
            "total": found.hours.total,
            "points_without_a_limit": found.hours.unknown,
            "budget": found.hours.budget,
        },
    }
