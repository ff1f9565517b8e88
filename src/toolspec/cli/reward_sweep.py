"""`toolspec reward --sweep`: the properties at each point of the spec's sweep."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from toolspec.cli.document import print_json
from toolspec.cli.output import paint, progress
from toolspec.cli.terminal import width, wrapped
from toolspec.compiler.reward.words import described, number
from toolspec.specs.problem import Problem, ProblemError

if TYPE_CHECKING:
    from toolspec.compiler.reward.analysis import Analysis

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
    """Raises ProblemError for a spec without sweep, and for too many points."""
    from toolspec.backends.verl.compile import compile_spec
    from toolspec.backends.verl.reward.rows import rows_of
    from toolspec.backends.verl.reward.subject import report_of
    from toolspec.specs.loading import load

    loaded = load(spec, sets)
    axes = {path: values for path, values in loaded.spec.sweep.items() if path.split(".")[0] in READ}
    if not axes:
        what = (
            "the spec has no `sweep`" if not loaded.spec.sweep else "nothing of the sweep is read by a reward"
        )
        span = loaded.span(("sweep",)) or loaded.span(())
        fix = "sweep: {reward.valid_call: [0.1, 0.2, 0.4]}, say"
        raise ProblemError((Problem("TS027", "sweep", what, span, "sweep", fix=fix),))
    points = list(itertools.product(*axes.values()))
    if len(points) > MOST_POINTS:
        message = f"the sweep has {len(points)} points, and {MOST_POINTS} are judged at most"
        raise ProblemError((Problem("TS027", "sweep", message, loaded.span(("sweep",)), "sweep"),))
    rows = None
    for values in points:
        at = dict(zip(axes, values, strict=True))
        settings = [*sets, *(f"{path}={json.dumps(value)}" for path, value in at.items())]
        compiled = compile_spec(spec, settings, target, writing=False, counting=False, progress=progress)
        rows = rows or rows_of(compiled)  # no path that is swept here changes them
        yield Point(at, report_of(compiled, numbers=False, rows=rows).analysis)


def _lines(points: Sequence[Point]) -> Iterator[str]:
    yield f"{paint('sweep', '1')} of {len(points)} {'point' if len(points) == 1 else 'points'}"
    for point in points:
        at = ", ".join(f"{path}={json.dumps(value)}" for path, value in point.values.items())
        if point.analysis is None:
            yield f"  {paint('open  ', '33')}  {at}"
            continue
        errors, warnings = point.analysis.broken("error"), point.analysis.broken("warning")
        word, style = ("BROKEN", "31") if errors else ("broken", "33") if warnings else ("holds ", "32")
        yield f"  {paint(word, style)}  {at}"[: width() + 20]
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
