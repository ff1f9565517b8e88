"""`toolspec logs`."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolspec.cli.log_text import shown
from toolspec.cli.output import obeying_nothing

if TYPE_CHECKING:
    from toolspec.backends.launch.follow import Tail
    from toolspec.backends.launch.look import Asker, Looked
    from toolspec.backends.launch.progress import Log

LINES = 200
POLL_SECONDS = 0.5
LOOK_SECONDS = 1.0
_FOLDER = re.compile(r"(\d{1,12})\.(\d{1,6})\.[0-9a-f]{1,32}")
_NO_LOG = {".json"}


@click.command("logs")
@click.argument("name", required=False, metavar="[RUN]")
@click.option(
    "--follow", "-f", is_flag=True, help="Go on as the run writes, over restarts, until it is over."
)
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="The Nth attempt. Default: the newest.")
@click.option(
    "--tail",
    type=click.IntRange(0),
    metavar="N",
    help=f"The last N lines. Default: {LINES}.",
)
@click.option("--all", "everything", is_flag=True, help="Every attempt from its first line.")
@click.option("--ray", is_flag=True, help="What Ray said when it was started, by node.")
def logs(
    *, name: str | None, follow: bool, attempt: int | None, tail: int | None, everything: bool, ray: bool
) -> int:
    """Show what a run wrote: verl's output, and lines of the job itself, which begin with `toolspec:`.

    \b
    Example:
      toolspec logs
      toolspec logs qwen-ppo-toolcall -f
      toolspec logs 7f3a --attempt 1 --tail 50

    RUN is as for toolspec status. Default: the newest run, and its newest attempt. With --follow the log of each
    attempt follows that of the one before. Colours are kept on a terminal; nothing else in the text moves it.

    Exit codes: 0 fine, and with --follow the run is done; 1 there is nothing to show, or with --follow the run failed,
    was lost or was cancelled; 2 wrong usage or a fault of toolspec's own.
    """
    if everything and tail is not None:
        raise click.UsageError("Give --all or --tail, not both.")
    if ray and follow:
        raise click.UsageError("Give --ray or --follow, not both: what Ray said at its start does not go on.")
    if follow and attempt is not None:
        raise click.UsageError("Give --attempt or --follow, not both: the newest attempt is followed.")
    from toolspec.backends.launch.found import find, newest
    from toolspec.backends.launch.progress import logs as logs_of
    from toolspec.backends.launch.runs import root

    place = root()
    folder = find(name, place) if name is not None else newest(place)
    if follow:
        return _followed(folder, LINES if tail is None else tail, everything)
    listed = logs_of(folder)
    if ray:
        return _ray(folder, _one(listed, attempt, folder) if attempt is not None else None, tail)
    chosen = listed if everything and attempt is None else [_one(listed, attempt, folder)]
    for log in chosen:
        if len(chosen) > 1:
            _heading(log, listed)
        _print(log.file, None if everything else LINES if tail is None else tail)
    return 0


def _one(listed: Sequence[Log], attempt: int | None, folder: Path) -> Log:
    """Raises ProblemError (TS057) where that attempt has no log."""
    from toolspec.specs.problem import Problem, ProblemError

    if attempt is not None and attempt > len(listed) and listed:
        message = f"there is no attempt {attempt}: the run has {len(listed)} with a log"
        raise ProblemError((Problem("TS057", "no-log", message, fix=f"--attempt {len(listed)}"),))
    if listed:
        return listed[-1] if attempt is None else listed[attempt - 1]
    from toolspec.backends.launch.look import look

    state = look([folder])[0].state
    message = f"there is no log yet: the run is {state.phase}" + (f", {state.why}" if state.why else "")
    fix = "toolspec logs -f waits for it" if state.active else state.fix
    raise ProblemError((Problem("TS057", "no-log", message, fix=fix),))


def _heading(log: Log, listed: Sequence[Log]) -> None:
    """Which attempt follows: on stderr, since it is not of the log."""
    sys.stdout.flush()
    again = f", restart {log.restart}" if log.restart else ""
    place = listed.index(log) + 1
    print(f"── attempt {place}, submission {log.submission}{again} ──", file=sys.stderr, flush=True)


def _print(file: Path, lines: int | None) -> None:
    """A file's last lines, or all of it, in bounded memory."""
    from toolspec.backends.launch.follow import Tail, begin_of_last

    tail = Tail(file, 0 if lines is None else begin_of_last(file, lines))
    while True:
        whole, _ = tail.lines()
        if not whole:
            break
        _out(whole)
    if rest := tail.rest():
        _out([rest])


def _out(lines: Iterable[bytes]) -> None:
    for line in lines:
        sys.stdout.write(shown(line) + "\n")
    sys.stdout.flush()


def _ray(folder: Path, log: Log | None, tail: int | None) -> int:
    """What lies in attempts/JOB.RESTART.NONCE of the newest attempt, or of that of `log`."""
    from toolspec.specs.problem import Problem, ProblemError

    found = [path for path in _inside(folder / "attempts") if _FOLDER.fullmatch(path.name) and path.is_dir()]
    if log is not None:
        found = [path for path in found if path.name.split(".")[1] == str(log.restart)]
    newest = max(found, key=_modified, default=None)
    files = [] if newest is None else [p for p in _inside(newest) if p.suffix not in _NO_LOG and p.is_file()]
    files = [path for path in files if path.name != "done"]
    if not files:
        message = "Ray has left no words: no cluster of several processes was started for this run"
        raise ProblemError((Problem("TS057", "no-log", message, fix="toolspec logs shows verl's own"),))
    for file in files:
        sys.stdout.flush()
        name = obeying_nothing(" ".join(str(file.relative_to(folder)).split()))
        print(f"── {name} ──", file=sys.stderr, flush=True)
        _print(file, LINES if tail is None else tail)
    return 0


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _followed(folder: Path, lines: int, everything: bool) -> int:
    """Until the run is over and all that it wrote is shown."""
    from toolspec.backends.launch.follow import Tail, begin_of_last
    from toolspec.backends.launch.look import Asker
    from toolspec.backends.launch.progress import logs as logs_of

    watch = _Watch(folder, Asker())
    shown_log: tuple[int, int] | None = None
    tail: Tail | None = None
    while True:
        over = watch.over()  # before the log is read: what is written before the end is shown
        listed = logs_of(folder)
        if tail is None and listed:
            log = listed[0] if everything else listed[-1]
            shown_log = (log.submission, log.restart)
            tail = Tail(log.file, 0 if everything else begin_of_last(log.file, lines))
            if everything:
                _heading(log, listed)
        moved = _drain(tail) if tail is not None else False
        later = [log for log in listed if shown_log is not None and (log.submission, log.restart) > shown_log]
        if later and not moved:
            _finish(tail)
            shown_log, tail = (later[0].submission, later[0].restart), Tail(later[0].file)
            _heading(later[0], listed)
            continue
        if over is not None and not moved:
            _finish(tail)
            return _ended(over)
        if not moved:
            time.sleep(POLL_SECONDS)


def _drain(tail: Tail) -> bool:
    """Show what is new; whether there was anything."""
    lines, event = tail.lines()
    if event:
        sys.stdout.flush()
        print(f"── the log was {event}; from its beginning ──", file=sys.stderr, flush=True)
    _out(lines)
    return bool(lines)


def _finish(tail: Tail | None) -> None:
    if tail is not None and (rest := tail.rest()):
        _out([rest])


def _ended(looked: Looked) -> int:
    state = looked.state
    sys.stdout.flush()
    why = f": {state.why}" if state.why else ""
    fix = f"\ntry: {state.fix}" if state.fix and state.phase != "done" else ""
    print(shown(f"── {state.phase}{why} ──{fix}".encode()), file=sys.stderr, flush=True)
    return 0 if state.phase == "done" else 1


class _Watch:
    """Whether a run is over, asked without pressing: its files once a second, Slurm every 10 s at most."""

    def __init__(self, folder: Path, asker: Asker) -> None:
        self._folder = folder
        self._asker = asker
        self._at = -LOOK_SECONDS
        self._told = ""

    def over(self) -> Looked | None:
        """The run as it is, once it is over; what it waits for is said when it changes."""
        from toolspec.backends.launch.look import look, unasked
        from toolspec.backends.launch.verdict import settled

        if time.monotonic() - self._at < LOOK_SECONDS:
            return None
        self._at = time.monotonic()
        (looked,) = look([self._folder], self._asker)
        state = looked.state
        if not state.active or settled(looked.run):
            if state.active:  # its own end is written, and says all: Slurm need not be waited for
                (looked,) = look([self._folder], unasked)
            return looked
        waiting = state.phase in ("pending", "requeued", "starting")
        told = f"{state.phase}{f': {state.why}' if state.why else ''}" if waiting else ""
        if told and told != self._told:
            sys.stdout.flush()
            print(shown(f"── {told} ──".encode()), file=sys.stderr, flush=True)
        self._told = told
        return None
