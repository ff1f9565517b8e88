"""`toolspec reward --html`: one page that needs nothing beside it, no script and no network."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from toolspec.cli.replace import replace_file
from toolspec.cli.reward_text import case_words, repair_words, signal_words, verdict_words
from toolspec.compiler.reward.words import described, interval, number, summed

if TYPE_CHECKING:
    from toolspec.backends.verl.probe.table import Row
    from toolspec.backends.verl.reward.subject import Report
    from toolspec.backends.verl.reward.transcript import Transcripts
    from toolspec.cli.reward_probe import Told
    from toolspec.compiler.reward.analysis import Analysis
    from toolspec.compiler.reward.plane import Plane, Polygon
    from toolspec.compiler.reward.vector import Vector
    from toolspec.compiler.reward.verdict import Verdict

MARK = "<!-- toolspec reward -->"
"""The first line of a page, by which it is known when it is written again."""
SIDE = 260
"""Of a map, in its own coordinates."""
MOST_MAPS = 6
MOST_CALLS = 24
"""Calls of a trajectory beyond which maps take too long: they are those of fewer turns then."""
STYLES = {"31": "bad", "32": "ok", "33": "warn"}


class Shape(NamedTuple):
    """points: of a polygon, as SVG has them."""

    name: str
    points: str


class Map(NamedTuple):
    """x, y: where the weights are now. ends: of the axes, left, right, below and above, in words."""

    across: str
    up: str
    shapes: tuple[Shape, ...]
    x: float
    y: float
    zero_x: float
    zero_y: float
    ends: tuple[str, str, str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The claims, each once: a property may hold in several regions."""
        return tuple(dict.fromkeys(name for shape in self.shapes for name in shape.name.split("; ")))


def write_page(path: Path, report: Report, shown: Transcripts, told: Told | None = None) -> None:
    """The page, whole or not at all. told: of a probe. Raises OSError."""
    replace_file(path, page(report, shown, told).encode("utf-8", "replace"))


def page(report: Report, shown: Transcripts, told: Told | None = None) -> str:
    import jinja2

    source = Path(__file__).with_suffix(".html.j2").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    analysis = report.analysis
    names: dict[str, Any] = {"mark": MARK, "subject": report.subject, "analysis": analysis, "side": SIDE}
    names["probe"] = None if told is None else _probe(told)
    if analysis is not None:
        names |= {
            "verdicts": [(STYLES[style], text) for style, text in verdict_words(analysis)],
            "rows": list(_rows(analysis, shown)),
            "weights": [
                (
                    span.name,
                    number(span.weight),
                    "not worked out" if span.keeps is None else interval(span.keeps),
                    "-" if span.wanted is None else interval(span.wanted),
                )
                for span in analysis.spans
            ],
            "maps": list(maps(analysis)),
            "signal": list(signal_words(report.signal)) if report.signal else [],
            "missing": shown.missing,
            "rows_missing": report.rows_missing,
            "template": shown.template,
            "frame_missing": shown.frame_missing,
            "prompt": shown.prompt,
            "parts": list(case_words(analysis)),
        }
    return environment.from_string(source).render(**names)


def _probe(told: Told) -> dict[str, Any]:
    from toolspec.backends.verl.rehearsal.summary import spans
    from toolspec.cli.rehearse_text import number as shown_number
    from toolspec.cli.rehearse_text import outcome
    from toolspec.cli.reward_probe_text import mark_of, ordered

    def row(one: Row) -> dict[str, Any]:
        return {
            "policy": one.policy,
            "does": one.trouble or one.does,
            "kind": "error" if one.pays else "ok" if one.kind == "honest" else "none",
            "scores": [shown_number(each) for each in (one.mean, one.least, one.most)],
            "mark": mark_of(one, told.table).lower(),
            "parts": [each for each in spans(one.shown) if each.by != "prompt"] if one.shown else [],
            "outcome": outcome(told.probe.experiment, one.shown) if one.shown else "",
        }

    return {
        "rows": [row(one) for one in ordered(told.table)],
        "findings": [one for one, _ in told.findings],
        "played": told.table.played,
    }


def _rows(analysis: Analysis, shown: Transcripts) -> Iterator[dict[str, Any]]:
    for verdict in analysis.said:
        refuted = verdict.outcome == "refuted"
        pair = verdict.shown if refuted else None
        repair = analysis.repair(verdict)
        margin = "" if verdict.margin is None else "a tie" if not verdict.margin else number(verdict.margin)
        yield {
            "word": "broken" if refuted else {"proved": "holds", "unknown": "open"}.get(verdict.outcome, "-"),
            "kind": {"refuted": verdict.severity, "proved": "ok"}.get(verdict.outcome, "none"),
            "claim": verdict.asked.claim,
            "name": verdict.asked.name,
            "margin": margin,
            "why": verdict.why,
            "sides": [
                _side(analysis, verdict, pair.better, pair.better_score, shown),
                _side(analysis, verdict, pair.worse, pair.worse_score, shown),
            ]
            if pair
            else [],
            "tie": pair is not None and pair.better_score == pair.worse_score,
            "fix": repair_words(repair) if repair else "",
        }


def _side(
    analysis: Analysis, verdict: Verdict, one: Vector, score: Fraction, shown: Transcripts
) -> dict[str, Any]:
    return {
        "words": described(one),
        "sum": summed(analysis.reward_of(verdict), one, score),
        "transcript": shown.of(verdict, one),
    }


def maps(analysis: Analysis) -> Iterator[Map]:
    """Pairs of uncapped weights, each with the regions of the properties that are not whole there."""
    from toolspec.compiler.reward.plane import Plane

    if analysis.reward.clip is not None:
        return
    budget = analysis.budget
    if budget.calls > MOST_CALLS:
        budget = budget._replace(turns=max(2, MOST_CALLS // budget.parallel))
    terms = [
        each.name
        for each in analysis.reward.terms
        if each.cap is None and each.weight and each.worth.group not in ("free", "tokens")
    ]
    for across, up in itertools.islice(itertools.combinations(terms, 2), MOST_MAPS):
        yield _map(analysis, Plane(analysis.reward, budget, across, up))


def _map(analysis: Analysis, plane: Plane) -> Map:
    from toolspec.compiler.reward.plane import window

    across, up = plane.names
    shown = window(analysis.reward, across, up)
    (left, low), (right, high) = shown[0], shown[2]

    def place(x: Fraction, y: Fraction) -> tuple[float, float]:
        return (
            round(float((x - left) / (right - left)) * SIDE, 2),
            round(SIDE - float((y - low) / (high - low)) * SIDE, 2),
        )

    shapes = []
    for verdict in analysis.verdicts:
        if (
            verdict.asked.severity == "note"
            or verdict.asked.form == "matcher"
            or verdict.outcome not in ("proved", "refuted")
        ):
            continue
        for polygon in plane.region(verdict.asked, shown):
            shapes.append(Shape(verdict.asked.claim, _points(polygon, place)))
    reward = analysis.reward
    x, y = place(reward.term(across).weight, reward.term(up).weight)
    zero_x, zero_y = place(Fraction(0), Fraction(0))
    ends = (number(left), number(right), number(low), number(high))
    return Map(across, up, _partial(shapes, _points(shown, place)), x, y, zero_x, zero_y, ends)


def _partial(shapes: list[Shape], whole: str) -> tuple[Shape, ...]:
    """Without the properties that hold all over the map, and of equal regions one, with all their names."""
    corners = set(whole.split())
    everywhere = {shape.name for shape in shapes if set(shape.points.split()) == corners}
    merged: dict[str, list[str]] = {}
    for shape in shapes:
        if shape.name not in everywhere:
            merged.setdefault(shape.points, []).append(shape.name)
    return tuple(Shape("; ".join(dict.fromkeys(names)), points) for points, names in merged.items())


def _points(polygon: Polygon, place: Any) -> str:
    return " ".join("{},{}".format(*place(x, y)) for x, y in polygon)
