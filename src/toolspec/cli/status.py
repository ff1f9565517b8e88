"""`toolspec status`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolspec.cli.document import print_json
from toolspec.cli.options import FORMAT, given

if TYPE_CHECKING:
    from toolspec.backends.launch.look import Looked

RECENT_SECONDS = 86400.0
MOST = 30
EVERY_SECONDS = 10.0
LEAST_SECONDS = 1.0


@click.command("status")
@click.argument("names", nargs=-1, metavar="[RUN]...")
@click.option("--sweep", metavar="ID", callback=given, help="The runs of one sweep.")
@click.option("--all", "everything", is_flag=True, help="All runs, not only those of the last day.")
@click.option("--watch", "-w", is_flag=True, help="Go on until they are over, and show what changes.")
@click.option(
    "--every",
    type=click.FloatRange(LEAST_SECONDS),
    default=EVERY_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: how often to look. Slurm is asked every 10 s at most.",
)
@FORMAT
def status(
    *, names: tuple[str, ...], sweep: str | None, everything: bool, watch: bool, every: float, form: str
) -> int:
    """Say what runs are doing: state, step, score, and why one failed and what to change.

    \b
    Example:
      toolspec status
      toolspec status qwen-ppo-toolcall
      toolspec status --sweep weights-3fa2c1 --watch

    RUN is an id, the start of one, a name (its newest run) or a path. One run is shown in detail. Without a name: those
    that are not over, and those of the last day. Slurm is asked once for all; where it does not answer, what the runs
    wrote themselves is shown, with its age.

    Exit codes: 0 fine; 1 a run that was named, or one of the sweep, failed, was lost or was cancelled; 2 wrong usage or
    a fault of toolspec's own.
    """
    from toolspec.backends.launch.found import find_all, of_sweep
    from toolspec.backends.launch.runs import folders, root

    if names and sweep is not None:
        raise click.UsageError("Give runs or --sweep, not both.")
    place = root()
    if sweep is not None:
        of_sweep(sweep, place)  # an unknown one is said at once

    def listed() -> list[Path]:
        if sweep is not None:
            return of_sweep(sweep, place)
        return chosen if names else folders(place)

    chosen = find_all(names, place) if names else []
    named = bool(names) or sweep is not None
    if watch:
        return _watched(listed, everything, named, every, form)
    from toolspec.backends.launch.look import look

    looked = _kept(look(listed()), named, everything)
    if form == "json":
        print_json(_document(looked, time.time()))
    else:
        for line in _lines(looked, time.time(), len(names) == 1, place):
            print(line)
    return _code(looked, named)


def _kept(looked: list[Looked], named: bool, everything: bool) -> list[Looked]:
    """Those that are not over or are of the last day, the newest first; where there is none, the newest one.

    Those that were named, in the order in which they were.
    """
    from toolspec.backends.launch.look import newest_first

    if named:
        return looked
    looked = newest_first(looked)
    if everything:
        return looked
    now = time.time()
    kept = [
        each
        for each in looked
        if each.state.active or (each.state.news or each.run.created or 0.0) > now - RECENT_SECONDS
    ]
    return (kept or looked[:1])[: max(MOST, sum(each.state.active for each in looked))]


def _code(looked: list[Looked], named: bool) -> int:
    return int(named and any(each.state.phase in ("failed", "lost", "cancelled") for each in looked))


def _lines(looked: list[Looked], now: float, single: bool, place: Path) -> Iterator[str]:
    from toolspec.cli.run_rows import silence, table

    if not looked:
        from toolspec.backends.launch.found import none_here

        problem = none_here(place)
        yield f"{problem.message}\n{problem.why}\nnext: {problem.fix}"
    elif single and len(looked) == 1:
        from toolspec.backends.launch.checkpoints import checkpoints
        from toolspec.cli.run_detail import detail

        yield from detail(looked[0], checkpoints(looked[0].run), now)
        yield from silence(looked)
    else:
        yield from table(looked, now)
        yield _counts(looked)
        yield from silence(looked)


def _counts(looked: list[Looked]) -> str:
    """`8 runs: 3 running, 5 done`, for the eye after a long table."""
    phases: dict[str, int] = {}
    for each in looked:
        phases[each.state.phase] = phases.get(each.state.phase, 0) + 1
    many = f"{len(looked)} run{'s' * (len(looked) > 1)}"
    return f"{many}: {', '.join(f'{count} {phase}' for phase, count in phases.items())}"


def _document(looked: list[Looked], now: float) -> dict[str, Any]:
    from toolspec.backends.launch.checkpoints import checkpoints
    from toolspec.cli.run_rows import document

    runs = []
    for each in looked:
        found = checkpoints(each.run) if len(looked) == 1 else None
        more = {} if found is None else {"checkpoints": {"steps": found.steps, "newest": found.newest}}
        runs.append({**document(each, now), **more})
    return {"version": 1, "time": now, "runs": runs}


def _watched(listed: Callable[[], list[Path]], everything: bool, named: bool, every: float, form: str) -> int:
    """Until none of them is active. Slurm is asked every 10 s at most, however often is looked."""
    from toolspec.backends.launch.look import Asker, look
    from toolspec.cli.watching import Lines, screen

    asker = Asker()

    def now() -> list[Looked]:
        return _kept(look(listed(), asker), named, everything)

    if form == "json":
        return _stream(now, every, named)
    looked = now()
    with screen() as show:
        teller = show if show is not None else Lines()
        while True:
            teller(looked, time.time())
            if not any(each.state.active for each in looked):
                return _code(looked, named)
            time.sleep(every)
            looked = now()


def _stream(now: Callable[[], list[Looked]], every: float, named: bool) -> int:
    """A JSON document a line, each time that a run has changed."""
    before: object = None
    while True:
        looked = now()
        states = [(each.run.id, each.state.phase, each.state.why, each.progress) for each in looked]
        if states != before:
            print(json.dumps(_document(looked, time.time())), flush=True)
            before = states
        if not any(each.state.active for each in looked):
            return _code(looked, named)
        time.sleep(every)
