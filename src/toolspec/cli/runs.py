"""`toolspec runs`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT
from toolspec.cli.output import paint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolspec.backends.launch.look import Looked

SHOWN = 20


@click.command("runs")
@click.option("--all", "everything", is_flag=True, help=f"All of them, not the newest {SHOWN} alone.")
@FORMAT
def runs(*, everything: bool, form: str) -> int:
    """List the runs, the newest first.

    \b
    Example:
      toolspec runs
      TOOLSPEC_RUNS=/scratch/team/runs toolspec runs --all

    A run is a folder in $TOOLSPEC_RUNS, or else in ./runs. toolspec status says more of each.

    Exit codes: 0 fine, 2 wrong usage or a fault of toolspec's own.
    """
    from toolspec.backends.launch.found import labels, none_here
    from toolspec.backends.launch.look import look, newest_first
    from toolspec.backends.launch.runs import root
    from toolspec.cli.run_rows import documents, silence

    place = root()
    known = labels(place)
    listed = known if everything else known[:SHOWN]
    looked = newest_first(look([each.folder for each in listed]))
    now = time.time()
    if form == "json":
        print_json(
            {**documents(looked, now), "folder": str(place.absolute()), "more": len(known) - len(listed)}
        )
        return 0
    if not known:
        problem = none_here(place)
        print(f"{problem.message}\n{problem.why}\nnext: {problem.fix}")
        return 0
    for line in [*_table(looked, now), *silence(looked)]:
        print(line)
    if len(known) > len(listed):
        print(f"{len(known) - len(listed)} more, older: toolspec runs --all")
    return 0


def _table(looked: Sequence[Looked], now: float) -> Iterator[str]:
    from toolspec.cli.run_rows import LONGEST_ID, NOTHING, STYLES, cut, duration, shown_id, spent, steps

    rows = [("run", "state", "step", "made", "gpus", "gpu-hours")]
    for each in looked:
        run = each.run
        budget = f" of {run.gpu_hours:g}" if run.gpu_hours is not None else ""
        rows.append(
            (
                cut(shown_id(each), LONGEST_ID),
                each.state.phase,
                steps(each),
                NOTHING if run.created is None else f"{duration(now - run.created)} ago",
                f"{run.nodes} × {run.gpus}",
                f"{spent(each, now):.1f}{budget}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)]
        if number:
            cells[1] = paint(cells[1], STYLES[row[1]])
        line = "  ".join(cells).rstrip()
        yield line if number else paint(line, "1")
