"""`toolspec reward --sweep`: the properties at each point of the spec's sweep."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from toolspec.cli.document import print_json
from toolspec.cli.output import paint, progress
from toolspec.cli.terminal import wrapped
from toolspec.compiler.reward.words import described, number
from toolspec.specs.problem import Problem, ProblemError

if TYPE_CHECKING:
    from toolspec.compiler.reward.analysis import Analysis
    from toolspec.compiler.sweep.expansion import Point as SweepPoint

READ = ("reward", "budget", "rollout", "algorithm", "tools")
"""Sections that the analysis reads; of the paths of a sweep the others make no difference to it."""
MOST_POINTS = 400


class Point(NamedTuple):
    """values: path → value of the sweep. analysis: None where the reward is one Python function."""

    values: dict[str, Any]
    analysis: Analysis | None


def run_sweep(spec: Path, sets: Sequence[str], target: str | None, form: str) -> int:
    """Prints what holds at each point. The exit code: 1 where a point has an error."""
    points = tuple(swept(spec, sets, target))
    if form == "json":
        from toolspec.backends.verl.reward.transcript import Transcripts
        from toolspec.cli.reward_document import body

        none = Transcripts({})
        print_json(
            {
                "version": 1,
                "points": [
                    {
                        "values": point.values,
                        "analysed": point.analysis is not None,
                        **(body(point.analysis, none) if point.analysis else {}),
                    }
                    for point in points
                ],
            }
        )
    else:
        print("\n".join(_lines(points)))
    return int(any(point.analysis is not None and point.analysis.broken("error") for point in points))


def swept(spec: Path, sets: Sequence[str], target: str | None) -> Iterator[Point]:
    """Points that differ for a reward, each once. Raises ProblemError for a spec without any, and for too many."""
    from toolspec.backends.verl.reward.rows import rows_of
    from toolspec.backends.verl.reward.subject import report_of
    from toolspec.backends.verl.sweep.shared import Shared
    from toolspec.compiler.sweep.expansion import points_of
    from toolspec.compiler.sweep.point_spec import point_spec
    from toolspec.specs.loading import load

    loaded = load(spec, sets)
    points: dict[str, SweepPoint] = {}
    for point in points_of(loaded).points:
        read = tuple(change for change in point.changes if change.path.split(".")[0] in READ)
        points.setdefault(
            json.dumps([change[:2] for change in read], default=str), point._replace(changes=read)
        )
    span = loaded.raw.key_spans.get(("sweep",)) or loaded.span(())
    message = ""
    if not any(point.changes for point in points.values()):
        message = "nothing of the sweep is read by a reward"
    elif len(points) > MOST_POINTS:
        message = (
            f"{len(points)} points of the sweep differ for a reward, and {MOST_POINTS} are judged at most"
        )
    if message:
        error = ProblemError((Problem("TS027", "sweep", message, span, "sweep"),))
        error.sources = loaded.sources  # type: ignore[attr-defined]
        raise error
    shared = Shared(progress=progress, quick=True)
    rows = None
    for point in points.values():
        folder = Path("build") / point.name
        compiled = shared.compiled(point_spec(loaded, point), point, target, folder)
        rows = rows or rows_of(compiled)  # no path that is swept here changes them
        yield Point(point.values, report_of(compiled, numbers=False, rows=rows).analysis)


def _lines(points: Sequence[Point]) -> Iterator[str]:
    yield f"{paint('sweep', '1')} of {len(points)} {'point' if len(points) == 1 else 'points'}"
    for point in points:
        at = ", ".join(f"{path}={json.dumps(value)}" for path, value in point.values.items())
        if point.analysis is None:
            yield from _point("open  ", "33", at)
            continue
        errors, warnings = point.analysis.broken("error"), point.analysis.broken("warning")
        word, style = ("BROKEN", "31") if errors else ("broken", "33") if warnings else ("holds ", "32")
        yield from _point(word, style, at)
        for verdict in (*errors, *warnings):
            pair = verdict.shown
            if pair is None:
                yield from wrapped(f"{verdict.asked.broken}: {verdict.why}", 10)
                continue
            yield from wrapped(
                f"{verdict.asked.broken}: {described(pair.better)} {number(pair.better_score)}, "
                f"{described(pair.worse)} {number(pair.worse_score)}",
                10,
            )


def _point(word: str, style: str, at: str) -> Iterator[str]:
    first, *rest = wrapped(f"{word.strip():·<6}  {at}", 2)
    yield first.replace(f"{word.strip():·<6}", paint(word, style), 1)
    yield from (f"{'':6}{line}" for line in rest)
