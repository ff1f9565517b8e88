"""The probe of a reward for people: who is paid what, what was found, and a transcript of each kind that pays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from toolspec.cli.output import paint
from toolspec.cli.rehearse_text import COLOURS, counted, number, transcript_lines, wrapped
from toolspec.cli.terminal import width

if TYPE_CHECKING:
    from toolspec.backends.verl.probe.prober import Probe
    from toolspec.backends.verl.probe.table import Row, Table
    from toolspec.cli.reward_probe import Told

MOST_TRANSCRIPTS = 3
MOST_NAMED = 8
ORDER = {"honest": 0, "unsolved": 1, "solved": 1}


def lines(told: Told) -> Iterator[str]:
    probe, table = told.probe, told.table
    head = f"{paint('probe', '1')} of {probe.experiment.name} → verl {probe.experiment.release}"
    much = f"{len(probe.asked.policies)} policies, {counted(table.played, 'row')} in {probe.seconds:.1f} s"
    yield f"{head} · {much}"
    yield from wrapped(_what(probe), 2)
    if probe.episodes:
        yield from _table(table)
        yield from _transcripts(told)
    yield from _findings(told)


def _what(probe: Probe) -> str:
    model = probe.experiment.model
    whose = f"tokens of {model.name}" if not model.why_not else "text alone, no limit of tokens"
    form = "" if probe.form == "{}" else f" · answers as `{probe.form.replace('{}', 'ANSWER')}`"
    return f"tools are not run: each call is answered with what the row asks for · {whose}{form}"


def ordered(table: Table) -> list[Row]:
    """Honest policies, those that pay, then the best paid first."""
    return sorted(
        table.rows,
        key=lambda row: (
            ORDER[row.kind],
            not row.pays,
            -row.mean if row.mean is not None else float("inf"),
        ),
    )


def mark_of(row: Row, table: Table) -> str:
    said = {"beats": "beats honest", "ties": "ties", "some": f"in {row.rows} of {table.played} rows", "": ""}[
        row.mark
    ]
    return said.upper() if row.pays else said


def _table(table: Table) -> Iterator[str]:
    """A line for each policy that is honest or marked; the others by what they are paid, or by what went wrong."""
    rows = ordered(table)
    alone = [row for row in rows if row.kind == "honest" or row.mark]
    names = max(len(row.policy) for row in alone)
    marks = max(len(mark_of(row, table)) for row in alone)
    head = "   mean  least   most"
    yield paint(f"  {'policy':<{names}}{head}  {'':<{marks}}  what it does", "2")
    for row in alone:
        line = f"  {row.policy:<{names}}  {_cells(row)}  {mark_of(row, table):<{marks}}  {row.trouble or row.does}"
        style = "31" if row.pays else "32" if row.kind == "honest" else ""
        line = line if len(line) <= width() else f"{line[: width() - 1]}…"
        yield paint(line, style) if style else line
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row not in alone:
            groups.setdefault((_cells(row), row.trouble), []).append(row.policy)
    if groups:
        less = "  paid less than an honest solution" if table.accepted and table.honest is not None else ""
        yield paint(f"  {head}{less}", "2")
    for (cells, trouble), policies in groups.items():
        yield from wrapped(", ".join(policies) + (f": {trouble}" if trouble else ""), 24, f"    {cells} ")


def _cells(row: Row) -> str:
    return "  ".join(f"{number(one):>5}" for one in (row.mean, row.least, row.most))


def _transcripts(told: Told) -> Iterator[str]:
    """One of each finding that a policy pays by, or of the best paid cheat."""
    table = told.table
    rows = {row.policy: row for row in table.rows}
    chosen = [rows[one.policies[0]] for one, _ in told.findings if one.name == "cheating-pays"]
    for row in chosen[:MOST_TRANSCRIPTS]:
        if row.shown is not None:
            yield ""
            yield from wrapped(
                f"{row.policy}, row {row.shown.row:,}: {row.does}", 2, paint("episode", "1") + "  "
            )
            yield from transcript_lines(told.probe.experiment, row.shown, prompt=row is chosen[0])


def _findings(told: Told) -> Iterator[str]:
    yield ""
    for text in told.probe.experiment.assumed:
        yield from wrapped(f"assumed  {text}", 4, "")
    if not any(one.severity == "error" for one, _ in told.findings):
        pay = number(told.table.honest)
        yield paint(f"nothing that is not honest is paid as much as an honest solution ({pay})", "32")
    for one, span in told.findings:
        place = "" if span is None or one.severity == "note" else f"{span.file}:{span.line}:{span.column}: "
        message = f"{one.name}: {one.message}"
        message += _others(one.policies[1:])
        first, *rest = wrapped(message, 4, f"{place}{one.severity} ")
        yield first.replace(f"{one.severity} ", f"{paint(one.severity, COLOURS[one.severity])} ", 1)
        yield from rest
        if one.fix:
            yield from wrapped(f"fix: {one.fix}", 4)


def _others(policies: Sequence[str]) -> str:
    if not policies:
        return ""
    named = ", ".join(policies[:MOST_NAMED])
    left = len(policies) - MOST_NAMED
    return f"; the same with {named}" + (f" and {left} more" if left > 0 else "")
