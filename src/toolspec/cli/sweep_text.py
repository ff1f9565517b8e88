"""What `toolspec sweep` prints for people."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from toolspec.cli.output import obeying_nothing, paint, with_files
from toolspec.cli.terminal import wants_colour, width, wrapped
from toolspec.specs.secret import masked
from toolspec.specs.sweep_check import canonical

if TYPE_CHECKING:
    from toolspec.backends.verl.sweep.listing import Listed, Listing
    from toolspec.specs.problem import Problem

WIDEST = 24
"""Columns of a value; of a longer one the beginning is shown."""
MOST_ALIKE = 3
"""Findings of one rule that are shown with their words; errors are shown all."""
MOST_NAMED = 4
"""Points that a finding names."""
STYLES = {"error": "31", "warning": "33", "note": "36"}
LEVELS = tuple(STYLES)


def lines(found: Listing) -> Iterator[str]:
    """The points as a table, what was found of some of them and of all, then the sums."""
    own = [point for point in found.points if point.same_as is None]
    stem = found.points[0].name.removesuffix(found.points[0].suffix)
    yield f"{paint('sweep', '1')} of {found.name} · {_counted(len(found.points), 'point')}, each {stem}…"
    yield from _table(found)
    for part in (_of_some(found), _of_all(found)):
        if text := list(part):
            yield ""
            yield from text
    yield ""
    yield from wrapped(_sums(found, own), 0)
    yield from wrapped(_hours(found), 0)


def _table(found: Listing) -> Iterator[str]:
    cells = [{path: value_text(value) for path, value in point.values.items()} for point in found.points]
    paths = list(dict.fromkeys(path for row in cells for path in row))
    heads = dict(zip(paths, _heads(paths), strict=True))
    same = [path for path in paths if len(cells) > 1 and len({row.get(path) for row in cells}) == 1]
    if same:
        yield from wrapped("every point: " + " · ".join(f"{heads[p]} {cells[0][p]}" for p in same), 2)
    paths = [path for path in paths if path not in same]
    widths = {p: max(len(heads[p]), *(len(row.get(p, "-")) for row in cells)) for p in paths}
    timed = any(point.gpu_hours is not None for point in found.points)
    stem = 2 + len(found.points[0].suffix)
    wide = stem + sum(2 + each for each in widths.values()) + 11 * timed <= width()
    if wide:
        head = " " * stem + "".join(f"  {heads[path]:<{widths[path]}}" for path in paths)
        yield paint(f"{head}  {'GPU-h':>9}" if timed else head.rstrip(), "2")
    for point, row in zip(found.points, cells, strict=True):
        hours = "?" if point.gpu_hours is None else f"{point.gpu_hours:,.6g}"
        if wide:
            changed = "".join(f"  {row.get(path, '-'):<{widths[path]}}" for path in paths)
            line = f"  {point.suffix}{changed}" + (f"  {hours:>9}" if timed else "")
        else:
            line = f"  {point.suffix}  " + " · ".join(f"{heads[p]} {row[p]}" for p in paths if p in row)
            line += f"  ({hours} GPU-h)" if timed else ""
        told = f"= {_short(point.same_as)}" if point.same_as is not None else ""
        codes = " ".join(dict.fromkeys(finding.code for finding in point.findings))
        yield from _row(line, " ".join(filter(None, (told, codes))), point)


def _row(line: str, told: str, point: Listed) -> Iterator[str]:
    """The line, what is told of the point behind it or below it; longer ones are wrapped."""
    indent = 4 + len(point.suffix)
    fits = len(line) <= width()
    first, *rest = (
        [line] if fits else [each[2:] if n else each for n, each in enumerate(wrapped(line.strip(), 2))]
    )
    behind = told and not rest and len(first) + 2 + len(told) <= width()
    yield first.replace(point.suffix, _name(point), 1) + (f"  {told}" if behind else "")
    yield from (f"{'':{indent}}{each.strip()}" for each in rest)
    if told and not behind:
        yield f"{'':{indent}}{told}"


def _of_some(found: Listing) -> Iterator[str]:
    """What was found of some points, each once, with the points; alike ones are counted."""
    at: dict[Problem, list[str]] = {}
    for point in found.points:
        for finding in point.findings:
            at.setdefault(finding, []).append(point.suffix)
    shown: Counter[str] = Counter()
    order = sorted(at, key=lambda one: (LEVELS.index(one.severity), one.code))
    for finding in order:
        shown[finding.code] += 1
        if finding.severity == "error" or shown[finding.code] <= MOST_ALIKE:
            yield from _finding(finding, at[finding], found.file)
    for code, number in shown.items():
        alike = [one for one in order if one.code == code]
        left = number - MOST_ALIKE
        if left > 0 and alike[-1].severity != "error":
            points = len({point for one in alike[MOST_ALIKE:] for point in at[one]})
            text = (
                f"{_counted(left, 'more finding')} of {code} {alike[0].name}, at {_counted(points, 'point')}"
            )
            yield from wrapped(f"{text} (--format json)", 2)


def _finding(finding: Problem, points: Sequence[str], file: str) -> Iterator[str]:
    """As lint tells it in one sentence, the smallest fix, and the points. file: the spec, which need not be named."""
    mark = f"{finding.severity}[{finding.code}]"
    span = finding.span
    where = "" if span is None or span.file == file else f"{span.file}:"
    place = "" if span is None else f" ({where}{span.line}:{span.column})"
    text = _shown(f"{mark} {finding.name}: {finding.message}{place}")
    first, *rest = wrapped(text, 0)
    yield first.replace(mark, paint(mark, STYLES[finding.severity]), 1)
    yield from rest
    if finding.fix:
        yield from wrapped(_shown(f"fix: {finding.fix}"), 2)
    more = f" and {len(points) - MOST_NAMED} more" if len(points) > MOST_NAMED else ""
    yield from wrapped(f"at: {', '.join(points[:MOST_NAMED])}{more}", 2)


def _shown(text: str) -> str:
    return obeying_nothing(masked(text).replace("\n", " ").replace("\x1b", "\\x1b"))


def _short(name: str) -> str:
    return name.rpartition("-")[2]


def _name(point: Listed) -> str:
    severities = {finding.severity for finding in point.findings}
    worst = next((each for each in ("error", "warning") if each in severities), "")
    return paint(point.suffix, STYLES[worst] if worst else "32" if point.same_as is None else "2")


def _heads(paths: Sequence[str]) -> list[str]:
    """The last part of each path that is a name of its own and tells it from the others: `valid_call`, `lr`."""
    above = [path.rpartition(".")[0] for path in paths]
    plain = [up if up and canonical(up) == path else path for up, path in zip(above, paths, strict=True)]
    last = [path.rpartition(".")[2] for path in plain]
    return [
        obeying_nothing(short if last.count(short) == 1 else path)
        for short, path in zip(last, plain, strict=True)
    ]


def value_text(value: Any) -> str:
    """A value as the spec would have it, in at most WIDEST columns."""
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)[1:-1]  # no line break, and no style of a terminal's
    elif isinstance(value, bool) or value is None or isinstance(value, (Mapping, list, tuple)):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = obeying_nothing(masked(text))
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _of_all(found: Listing) -> Iterator[str]:
    from toolspec.specs.excerpt import render

    if not found.common:
        return
    yield paint("of every point, or of the sweep", "1")
    sources = with_files(found.common, found.sources)
    text = render(found.common, sources, color=wants_colour(sys.stdout), width=width(), rules=True)
    yield text.rstrip("\n").rpartition("\n")[0].rstrip("\n")


def _sums(found: Listing, own: Sequence[Listed]) -> str:
    parts = [_counted(len(own), "run")]
    if len(own) < len(found.points):
        parts[0] += f" of {len(found.points)} points, the others are the same"
    for severity in ("error", "warning"):
        number = sum(any(f.severity == severity for f in point.findings) for point in found.points)
        parts += [f"{number} with {severity}s of {'its' if number == 1 else 'their'} own"] if number else []
    everywhere = sum(finding.severity == "error" for finding in found.common)
    parts += [f"{_counted(everywhere, 'error')} of all"] if everywhere else []
    parts += [f"{found.parallel} at once"] if found.parallel else []
    return " · ".join(parts)


def _hours(found: Listing) -> str:
    hours = found.hours
    budget = "" if hours.budget is None else f" of {hours.budget:,.6g} (budget.gpu_hours)"
    if hours.unknown and not hours.total:
        budget = "" if hours.budget is None else f"; budget.gpu_hours is {hours.budget:,.6g}"
        return f"GPU-hours: not known without a time limit, cluster.slurm.time{budget}"
    more = f", and {_counted(hours.unknown, 'point')} without a time limit" if hours.unknown else ""
    return f"GPU-hours: {hours.total:,.6g}{budget}{more}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
