"""`toolspec metrics`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import given
from toolspec.cli.output import obeying_nothing, paint
from toolspec.cli.terminal import width, wrapped

if TYPE_CHECKING:
    from toolspec.backends.launch.report.metrics import Metrics, Row

SHOWN_STEPS = 20
GAP = 2


def _span(context: click.Context, option: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """`A-B`, `A-`, `-B` or `A`. Raises BadParameter."""
    said = given(context, option, text)
    if said is None:
        return None
    match = re.fullmatch(r"(\d{1,9})?(-)?(\d{1,9})?", said.strip())
    if match is None or not (match[1] or match[3]):
        raise click.BadParameter(f"`{said}` is not A-B, two numbers of steps", context, option)
    first = int(match[1] or 0)
    last = int(match[3]) if match[3] else (10**9 if match[2] else first)
    if last < first:
        raise click.BadParameter(f"{said}: {last} comes before {first}", context, option)
    return first, last


@click.command("metrics")
@click.argument("run", callback=given)
@click.option(
    "--steps", "span", metavar="A-B", callback=_span, help="Steps A to B; `A-` and `-B` leave one end open."
)
@click.option(
    "--last",
    type=click.IntRange(1, 10**9),
    metavar="N",
    help="The last N steps. In a table 20, if nothing is said.",
)
@click.option(
    "--all", "everything", is_flag=True, help="Every metric of verl's log beside the seven: json and csv."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="Output form.",
)
def metrics(*, run: str, span: tuple[int, int] | None, last: int | None, everything: bool, form: str) -> int:
    """Show the metrics of a run by step, also while it runs.

    \b
    Example:
      toolspec metrics calculator-3f2a91
      toolspec metrics runs/calculator-3f2a91 --steps 100-200
      toolspec metrics calculator-3f2a91 --all --format csv > metrics.csv

    task_success_rate, tool_parse_success_rate and avg_tool_calls are of the reward's records, the others of verl's own
    log. RUN is a run's name, the beginning of it, or its folder.

    Exit codes: 0 fine, 1 no such run or nothing there yet, 2 wrong usage or a fault of toolspec's own.
    """
    from toolspec.backends.launch.found import find
    from toolspec.backends.launch.report.metrics import run_metrics
    from toolspec.backends.launch.runs import root

    if span is not None and last is not None:
        raise click.UsageError("--steps and --last are two ways to choose: give one of them.")
    if everything and form == "table":
        raise click.UsageError("--all has some hundred columns: add --format csv or --format json.")
    found = run_metrics(find(run, root(), by_hand=True))
    rows, validation = _chosen(found.rows, span, last), _chosen(found.validation, span, None)
    if form == "json":
        print_json(_document(found, rows, validation, everything))
    elif form == "csv":
        _print_csv(rows, everything)
    else:
        if span is None and last is None:
            rows = rows[-SHOWN_STEPS:]
        _print(found, rows, validation)
    return 0


def _chosen(rows: tuple[Row, ...], span: tuple[int, int] | None, last: int | None) -> tuple[Row, ...]:
    if span is not None:
        rows = tuple(row for row in rows if span[0] <= row.step <= span[1])
    return rows[-last:] if last is not None else rows


def _document(
    found: Metrics, rows: Iterable[Row], validation: Iterable[Row], everything: bool
) -> dict[str, Any]:
    from toolspec.backends.launch.report.metrics import finite

    def told(row: Row) -> dict[str, Any]:
        values = {name: finite(value) for name, value in row.values.items()}
        logged = {"logged": {k: finite(v) for k, v in row.logged.items()}} if everything else {}
        return {"step": row.step, "done": row.done, "records": row.records, **values, **logged}

    return {
        "version": 1,
        "run": found.run,
        "verl": found.verl or None,
        "planned": found.planned,
        "steps": [told(row) for row in rows],
        "validation": [told(row) for row in validation],
        "notes": [{"metric": name, "message": why} for name, why in found.notes],
        "sources": {"log": list(found.sources), "record_files": found.record_files},
    }


def _print_csv(rows: Sequence[Row], everything: bool) -> None:
    import csv
    import sys

    from toolspec.backends.verl.logged import SEVEN

    names = [metric.name for metric in SEVEN]
    further = dict.fromkeys(key for row in rows for key in row.logged) if everything else {}
    further = {key: None for key in further if key not in names}
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["step", "records", *names, *map(_cell, further)])
    for row in rows:
        values = [row.values[name] for name in names] + [row.logged.get(key) for key in further]
        writer.writerow([row.step, row.records, *("" if value is None else repr(value) for value in values)])


def _cell(name: str) -> str:
    """A name that others gave, as a cell: a spreadsheet runs what begins so."""
    text = obeying_nothing(name)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _print(found: Metrics, rows: Sequence[Row], validation: Sequence[Row]) -> None:
    from toolspec.backends.verl.logged import SEVEN

    verl = f" · verl {found.verl}" if found.verl else ""
    done = max((row.step for row in found.rows if row.done), default=0)
    planned = f" of {found.planned:,}" if found.planned else ""
    print(f"{paint(obeying_nothing(found.run), '1')}{verl} · {done:,}{planned} steps")
    if found.rows:
        names = [metric.name for metric in SEVEN]
        _print_rows(names, rows)
        hidden = len(found.rows) - len(rows)
        if hidden:
            print(
                f"{hidden:,} further step{'' if hidden == 1 else 's'} (--steps A-B, --last N, --format csv)"
            )
    if validation:
        shown = validation[-SHOWN_STEPS:]
        print(paint("validation", "1"))
        _print_rows(list(shown[0].values), shown)
    if any(name.startswith("timing/") for row in rows for name in row.values):
        print("times in seconds · – not known")
    for name, why in found.notes:
        for line in wrapped(obeying_nothing(f"{name}: {why}"), 0):
            print(line)
    if found.sources:
        for line in wrapped(
            obeying_nothing(f"from {', '.join(found.sources)} and {found.record_files} files of records"), 0
        ):
            print(line)


def _print_rows(names: Sequence[str], rows: Sequence[Row]) -> None:
    """A table whose names are broken over as many lines as they need to fit."""
    body = [[str(row.step), *(shown(row.values[name], name) for name in names)] for row in rows]
    widths = [max([4, *(len(line[0]) for line in body)])]
    room = width() - widths[0] - GAP * len(names)
    least = [max([1, *(len(line[at + 1]) for line in body)]) for at in range(len(names))]
    headers: list[list[str]] = []
    for most in range(8, 40):
        headers = [broken(name, max(most, wide)) for name, wide in zip(names, least, strict=True)]
        wide = [max(least[at], *map(len, headers[at])) for at in range(len(names))]
        if sum(wide) > room:
            break
        widths = [widths[0], *wide]
    if len(widths) == 1:
        headers = [broken(name, 8) for name in names]
        widths = [widths[0], *(max(least[at], *map(len, headers[at])) for at in range(len(names)))]
    headers = [broken(name, wide) for name, wide in zip(names, widths[1:], strict=True)]
    height = max(map(len, headers))
    columns = [["step"], *headers]
    for line in range(height):
        cells = [
            column[line - height + len(column)] if line >= height - len(column) else "" for column in columns
        ]
        print(paint(_line(cells, widths), "2"))
    for cells in body:
        print(_line(cells, widths))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return (" " * GAP).join(f"{cell:>{wide}}" for cell, wide in zip(cells, widths, strict=True)).rstrip()


def broken(name: str, most: int) -> list[str]:
    """A name over lines of at most `most` characters, where its words allow it."""
    lines: list[str] = []
    for part in re.findall(r"[^_/]+[_/]?", name):
        if lines and len(lines[-1]) + len(part) <= most:
            lines[-1] += part
        else:
            lines.append(part)
    return lines


def shown(value: float | None, name: str) -> str:
    """A value in few characters: rates with three places, times with one, what is small by its magnitude."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return str(value)
    if name.startswith("timing/"):
        return f"{value:.1f}"
    if name.startswith("actor/"):
        return f"{value:.3g}" if value else "0"
    return f"{value:.3f}" if abs(value) < 1e6 else f"{value:.3g}"
