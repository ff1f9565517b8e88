"""What a sweep comes to: its points without their bundles, what all of them have in common, and the GPU-hours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from toolspec.backends.verl.sweep.expand import Sweep, SweptPoint
from toolspec.specs.problem import Problem, in_file_order


class Listed(NamedTuple):
    """A point. values: spec path → value. bundle: its digest; see SweptPoint. findings: less those of every point."""

    name: str
    suffix: str
    values: Mapping[str, Any]
    bundle: str | None
    findings: tuple[Problem, ...]
    gpu_hours: float | None
    same_as: str | None


class Hours(NamedTuple):
    """GPU-hours of all points that are not the same as another.

    unknown: points without a time limit, which are not in `total`. budget: of the spec outside its sweep.
    """

    total: float
    unknown: int
    budget: float | None


class Listing(NamedTuple):
    """name, file: of the spec. common: findings of every point and of the whole sweep. parallel: points at once."""

    name: str
    file: str
    points: tuple[Listed, ...]
    common: tuple[Problem, ...]
    hours: Hours
    parallel: int | None
    sources: Mapping[str, Sequence[str]]

    @property
    def failed(self) -> bool:
        findings = (*self.common, *(found for point in self.points for found in point.findings))
        return any(finding.severity == "error" for finding in findings)


def listing(
    sweep: Sweep,
    progress: Callable[[int, int], None] = lambda *_: None,
    each: Callable[[SweptPoint], None] = lambda _: None,
) -> Listing:
    """Goes through the points once. Raises nothing: what is wrong with a point is among its findings.

    each: called with every point while its bundle is at hand.
    """
    points: list[Listed] = []
    times: Counter[Problem] = Counter()
    compiled = 0
    for number, swept in enumerate(sweep, start=1):
        points.append(_listed(swept))
        each(swept)
        compiled += swept.compiled is not None
        times.update(set(swept.findings))
        progress(number, len(sweep.points))
    everywhere = {found for found, count in times.items() if count == len(points) > 1}
    if 1 < compiled < len(points):  # what stops a point from being compiled hides what all the others have
        everywhere |= {
            found for found, count in times.items() if count == compiled and found.severity != "error"
        }
    loaded = sweep.expansion.loaded
    hours = _hours(points, loaded.spec.budget.gpu_hours)
    whole = [*sweep.expansion.notes, *_over(sweep, points, hours)]
    return Listing(
        loaded.spec.name,
        str(loaded.file),
        tuple(p._replace(findings=tuple(f for f in p.findings if f not in everywhere)) for p in points),
        in_file_order([*whole, *everywhere]),
        hours,
        sweep.expansion.parallel,
        loaded.sources,
    )


def _listed(swept: SweptPoint) -> Listed:
    point = swept.point
    return Listed(
        point.name, point.suffix, point.values, swept.digest, swept.findings, swept.gpu_hours, swept.same_as
    )


def _hours(points: Sequence[Listed], budget: float | None) -> Hours:
    own = [point.gpu_hours for point in points if point.same_as is None]
    return Hours(sum(hours for hours in own if hours is not None), own.count(None), budget)


def _over(sweep: Sweep, points: Sequence[Listed], hours: Hours) -> list[Problem]:
    """An error where the points together may use more than the budget."""
    if hours.budget is None or hours.total <= hours.budget:
        return []
    counts = Counter(p.gpu_hours for p in points if p.same_as is None and p.gpu_hours is not None)
    sums = " + ".join(f"{count} × {each:g}" for each, count in list(counts.items())[:3])
    more = " + …" if len(counts) > 3 else ""
    message = (
        f"the points of the sweep may use {sums}{more} = {hours.total:,.6g} GPU-hours, over the budget of "
        f"{hours.budget:,.6g}"
    )
    span = sweep.expansion.loaded.span(("budget", "gpu_hours"))
    fix = f"fewer points, a shorter cluster.slurm.time, or gpu_hours: {hours.total:.6g}"
    return [Problem("TS501", "over-gpu-hours", message, span, "budget.gpu_hours", fix=fix)]
