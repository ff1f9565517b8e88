"""`toolspec budget --html`: one page that needs nothing beside it, no script and no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from toolspec.cli.budget_text import (
    over_words,
    part_rows,
    prompt_note,
    quick_words,
    response_note,
    sample_words,
    size,
    together_note,
)
from toolspec.cli.page_file import check_place as check
from toolspec.cli.preview import ends
from toolspec.cli.replace import replace_file

if TYPE_CHECKING:
    from toolspec.backends.verl.chat.length_report import Report
    from toolspec.backends.verl.chat.lengths import LongRow
    from toolspec.backends.verl.chat.trajectory_lengths import Parts

MARK = "<!-- toolspec budget -->"
"""The first line of a page, by which it is known when it is written again."""
BARS = 40
QUESTION = 180
"""Columns of a row's question."""
MOST_TICKS = 8
# The chart's coordinates: the picture, and within it where the axes are.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 250, 58, 744, 26, 206


class Bar(NamedTuple):
    """A rectangle of the chart. over: whether its rows are longer than the limit."""

    x: float
    y: float
    width: float
    height: float
    over: bool
    title: str


class Tick(NamedTuple):
    at: float
    label: str


class Chart(NamedTuple):
    """limit: where the line stands, None where the limit is beyond the picture; limit_side: of its label."""

    bars: tuple[Bar, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    limit: float | None
    limit_side: str
    limit_label: str


class Share(NamedTuple):
    """A part of a stacked bar: from where, how wide (per cent), and what it is."""

    name: str
    kind: str
    tokens: int
    left: float
    width: float


def check_place(path: Path) -> None:
    """As page_file.check_place."""
    check(path, MARK, "budget")


def write_page(path: Path, report: Report) -> None:
    """The page, whole or not at all. Raises OSError."""
    replace_file(path, page(report).encode("utf-8", "replace"))


def page(report: Report) -> str:
    import jinja2

    source = Path(__file__).with_suffix(".html.j2").read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(mark=MARK, **_names(report))


def _names(report: Report) -> dict[str, Any]:
    found, subject, path = report.lengths, report.subject, report.trajectory
    spread = found.distribution
    return {
        "report": report,
        "file": subject.file,
        "verl": subject.view.version,
        "owner": subject.owner,
        "spread": spread,
        "quantiles": [(name, spread.quantile(share)) for name, share in QUANTILES] if spread.lengths else [],
        "chart": _chart(report) if spread.lengths and not report.asked.quick else None,
        "verdicts": list(_verdicts(report)),
        "over": [_shown(one) for one in report.over_rows],
        "more": len(report.over) - len(report.over_rows),
        "refused": [(_shown(one), why) for one, (_, why) in zip(found.refused, spread.refused, strict=False)],
        "parts": part_rows(path.rounds, report.limits.parallel, path.typical, path.worst) if path else (),
        "bars": [
            (name, _shares(parts, report.limits.response, _scale(report)), parts.total)
            for name, parts in (("typical", path.typical), ("worst", path.worst))
        ]
        if path
        else [],
        "bar_limit": 100 * report.limits.response / _scale(report) if path else 0,
        "fitting": path.fitting(report.limits.response) if path else (0, 0),
        "needs": _needs(report),
    }


QUANTILES = (("median", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("longest", 1.0))


def _verdicts(report: Report) -> list[tuple[str, str]]:
    """(ok or bad, sentence), the first thing that is read."""
    limits, spread = report.limits, report.lengths.distribution
    said = []
    if report.over:
        said.append(("bad", over_words(report)))
    if spread.refused:
        said.append(("bad", f"{len(spread.refused):,} rows are refused: {spread.refused[0][1]}"))
    if report.asked.quick:
        said.append(("ok" if report.fits else "note", quick_words(report)))
    elif report.fits:
        of = "prompt" if report.sampled is None else "prompt of the sample"
        said.append(("ok", f"every {of} fits in {limits.prompt:,} tokens, {limits.prompt_name}"))
    if report.sampled is not None:
        said.append(("note", sample_words(report)))
    path = report.trajectory
    if path is not None and path.limited and path.worst.total >= limits.response:
        _, worst = path.fitting(limits.response)
        said.append(("warn", f"at the worst {worst} of {path.rounds} rounds fit: it ends without an answer"))
    return [(kind, text.replace("`", "")) for kind, text in said]


def _shown(row: LongRow) -> dict[str, Any]:
    return {
        "place": f"{row.file} {row.unit} {row.number:,}",
        "tokens": row.tokens,
        "text": ends(row.head, row.tail, row.characters, QUESTION),
        "characters": row.characters,
    }


def _chart(report: Report) -> Chart:
    spread, limit = report.lengths.distribution, report.limits.prompt
    bins = spread.bins(BARS, limit)
    first, last = bins[0][0], bins[-1][1] + 1
    span = last - first
    # A limit that is near belongs into the picture; one far away would flatten what is to be seen.
    shown = first <= limit <= last + span
    if shown:
        last = max(last, limit + max(1, span // 20))
    most = max(number for *_, number in bins)
    across, up = (RIGHT - LEFT) / (last - first), (BOTTOM - TOP) / most
    bars = tuple(
        Bar(
            round(LEFT + (start - first) * across, 2),
            round(BOTTOM - number * up, 2),
            round(max(1.0, (end + 1 - start) * across - 1), 2),
            round(number * up, 2),
            start > limit,
            f"{start:,} to {end:,} tokens: {number:,} rows",
        )
        for start, end, number in bins
        if number
    )
    at = round(LEFT + (limit - first) * across, 2) if shown else None
    label = (
        f"limit {limit:,}"
        if shown
        else f"limit {limit:,} is {'beyond' if limit > last else 'below'} the picture"
    )
    return Chart(
        bars,
        tuple(Tick(round(LEFT + (n - first) * across, 2), f"{n:,}") for n in ticks(first, last)),
        tuple(Tick(round(BOTTOM - n * up, 2), f"{n:,}") for n in ticks(0, most)),
        at,
        "end" if at is not None and at > (LEFT + RIGHT) / 2 else "start",
        label,
    )


def ticks(least: int, most: int) -> list[int]:
    """Round numbers in [least, most], at most MOST_TICKS or so."""
    step = 1
    while (most - least) / step > MOST_TICKS:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return list(range(-(-least // step) * step, most + 1, step))


def _scale(report: Report) -> int:
    path, response = report.trajectory, report.limits.response
    return max(1, response, *((path.typical.total, path.worst.total) if path else ()))


def _shares(parts: Parts, response: int, scale: int) -> list[Share]:
    found, left = [], 0
    for kind, tokens in (*parts._asdict().items(), ("left", max(0, response - parts.total))):
        if tokens:
            found.append(Share(NAMES[kind], kind, tokens, 100 * left / scale, 100 * tokens / scale))
        left += tokens
    return found


NAMES = {
    "calls": "calls",
    "answers": "tool answers",
    "marks": "marks",
    "final": "last turn",
    "left": "left over",
}


def _needs(report: Report) -> list[tuple[str, str, str, str]]:
    """(what, now, least, note) of the table of limits and their memory."""
    need, memory = report.need, report.memory
    rows = [
        (name, f"{now:,}", "-" if least is None else f"{least:,}", note)
        for name, (now, least), note in (
            ("prompt, tokens", need.prompt, prompt_note(report)),
            ("trajectory, tokens", need.response, response_note(report)),
            ("together, tokens", need.both, together_note(report)),
        )
    ]
    if memory is not None:
        for name, times, note in (
            ("KV cache of a sequence", 1, f"{memory.each:,} bytes a token: {memory.formula}"),
            (f"KV cache of {memory.sequences:,} at a time", memory.sequences, memory.why),
        ):
            now, least = (size(tokens * memory.each * times) for tokens in need.both)
            rows.append((name, now, least, note))
    return rows
