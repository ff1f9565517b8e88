"""`toolspec plan`."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, OUT, SET, SPEC, TARGET
from toolspec.cli.output import paint, progress
from toolspec.cli.terminal import wants_colour, width

if TYPE_CHECKING:
    from toolspec.backends.verl.compile import Compiled
    from toolspec.cli.plan_rows import PlanRow

LABEL_COLUMNS = 24
VALUE_COLUMNS = 22
# Columns below which a reason stands under its value, not beside it.
NARROW = 28


@click.command("plan")
@SPEC
@TARGET
@SET
@OUT
@click.option("--all", "everything", is_flag=True, help="Show the defaults too.")
@FORMAT
def plan(
    spec: str, target: str | None, sets: tuple[str, ...], out: str | None, *, everything: bool, form: str
) -> None:
    """Show every decision with its reason.

    \b
    Example:
      toolspec plan exp.yaml --set algorithm.group=8
      toolspec plan exp.yaml --all
    """
    from toolspec.backends.verl.compile import compile_spec

    compiled = compile_spec(Path(spec), sets, target, Path(out) if out else None, progress=progress)
    if form == "json":
        print_json(_document(compiled))
        return
    if compiled.notes:
        from toolspec.specs.excerpt import render

        sources = compiled.loaded.sources
        sys.stderr.write(render(compiled.notes, sources, color=wants_colour(sys.stderr), width=width()))
    for line in plan_lines(compiled, everything, width()):
        print(line)


def _document(compiled: Compiled) -> dict[str, Any]:
    """`plan_document` without the values that stand under the name of a secret."""
    from toolspec.backends.verl.emit.bundle import plan_document
    from toolspec.specs.secret import without_secrets

    document = plan_document(compiled.plan, compiled.config, compiled.loaded.names)
    for part in ("plan", "config"):
        for path, entry in document[part].items():
            entry["value"] = without_secrets(entry["value"], path)
    return document


def plan_lines(compiled: Compiled, everything: bool, columns: int) -> Iterator[str]:
    """What `toolspec plan` prints, `columns` wide: a heading and its rows of label, value and reason."""
    from toolspec.cli.plan_rows import HEADINGS, plan_rows

    rows = tuple(plan_rows(compiled.plan, compiled.config))
    visible = [row for row in rows if everything or row.first]
    labels = _columns((row.label for row in visible), LABEL_COLUMNS)
    values = _columns((row.value for row in visible), VALUE_COLUMNS)
    yield f"{paint(compiled.plan.name, '1')} → verl {compiled.plan.target}"
    for heading in HEADINGS:
        group = [row for row in rows if row.heading == heading]
        if not group:
            continue
        shown = [row for row in group if everything or row.first]
        hidden = len(group) - len(shown)
        tail = paint(f"  {hidden} more" if shown else f"  {hidden} defaults", "2") if hidden else ""
        yield paint(heading, "1") + tail
        for row in shown:
            yield from _row_lines(row, _reason(row, compiled), (labels, values), columns)
    for line in compiled.assumed:
        yield from _wrapped(f"assumed  {line}", columns)
    hidden = len(rows) - len(visible)
    more = f" · {hidden} defaults and inner values (--all)" if hidden else ""
    yield from _wrapped(f"{len(visible)} decisions{more} · one of verl's keys: toolspec why KEY", columns)


def _columns(texts: Iterator[str], most: int) -> int:
    """The width of a column: its longest text that is no longer than `most`."""
    return max((len(text) for text in texts if len(text) <= most), default=most)


def _row_lines(row: PlanRow, reason: str, sizes: tuple[int, int], columns: int) -> Iterator[str]:
    """A row's lines. A value too wide for its column pushes its reason aside, or onto the next line."""
    labels, values = sizes
    start = 2 + labels + 2
    reasons = start + values + 2
    style = "2" if row.decision.kind == "default" else ""
    head = f"  {row.label:<{labels}}  "
    aligned = f"{head}{row.value:<{values}}  "
    narrow = columns - reasons < NARROW
    if len(aligned) <= reasons and not narrow:
        first, *rest = _wrapped(reason, columns - reasons)
        lines = [aligned + first, *(" " * reasons + line for line in rest)]
    elif len(aligned) + len(reason) <= columns:
        lines = [aligned + reason]
    else:
        lines = [head.rstrip()] if len(row.label) > labels else []
        first, *rest = _wrapped(row.value, columns - start)
        lines += [(" " * start if lines else head) + first, *(" " * start + line for line in rest)]
        indent = start if narrow else reasons
        lines += [" " * indent + line for line in _wrapped(reason, columns - indent)]
    for line in lines:
        yield paint(line.rstrip(), style) if style else line.rstrip()


def _wrapped(text: str, columns: int) -> Sequence[str]:
    return textwrap.wrap(text, max(columns, 16), break_on_hyphens=False) or [""]


def _reason(row: PlanRow, compiled: Compiled) -> str:
    """The reason, and the place where it can be read: `algorithm.batch, exp.yaml:17`."""
    decision = row.decision
    if decision.span is None or not (decision.kind == "given" or _is_written(decision.sources, compiled)):
        return decision.reason
    return f"{decision.reason}, {_place(decision.span.file, decision.span.line, compiled.loaded.file)}"


def _is_written(sources: Sequence[str], compiled: Compiled) -> bool:
    from toolspec.specs.loading import spec_path

    return any(spec_path(source) in compiled.loaded.raw.spans for source in sources)


def _place(file: str, line: int, spec: Path) -> str:
    """`exp.yaml:17`, a parent's name relative to the spec's folder, or `--set` alone."""
    if file == "--set":
        return file
    name = os.path.relpath(file, spec.parent) if file != str(spec) else spec.name
    return f"{name}:{line}"
