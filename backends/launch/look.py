"""Runs looked at: files read, Slurm asked once for all of them, processes looked at, and the state of each."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from toolspec.backends.launch.process import NONCE, Life, life, user, values
from toolspec.backends.launch.progress import Log, Progress, logs, progress
from toolspec.backends.launch.runs import Run, read_run
from toolspec.backends.launch.slurm.ask import Words, ask
from toolspec.backends.launch.state import State, state_of
from toolspec.backends.launch.verdict import settled

SETTLED_SECONDS = 3600.0
"""Slurm is not asked for a run that wrote its own end longer ago."""
BETWEEN_SECONDS = 10.0
"""Slurm is asked at most so often by one command: administrators count calls."""


class Looked(NamedTuple):
    """A run, its state now, and how far it is."""

    run: Run
    state: State
    progress: Progress
    logs: tuple[Log, ...]


def unasked(_: Iterable[str]) -> Words:
    """For who wants what the runs wrote themselves, and no word of Slurm's."""
    return Words({}, "not asked", "not asked", time.time())


class Asker:
    """Asks Slurm, and gives the last answer again where it is young. That is all that it keeps."""

    def __init__(
        self, between: float = BETWEEN_SECONDS, question: Callable[[Iterable[str]], Words] = ask
    ) -> None:
        self._between = between
        self._question = question
        self._last: Words | None = None
        self._at = 0.0
        self._searched = -between

    def may_search(self) -> bool:
        """Whether jobs that were never written down may be searched for now: that is a question too."""
        if time.monotonic() - self._searched < self._between:
            return False
        self._searched = time.monotonic()
        return True

    def __call__(self, ids: Iterable[str]) -> Words:
        wanted = frozenset(ids)
        now = time.monotonic()
        if wanted and (self._last is None or now - self._at >= self._between):
            self._last = self._question(wanted)
            self._at = time.monotonic()
        return self._last if self._last is not None else self._question(())


def look(folders: Iterable[Path], asker: Callable[[Iterable[str]], Words] = ask) -> list[Looked]:
    """Each run, in the order of the folders. Slurm is asked once for all. Never raises for what lies in them."""
    places = list(folders)
    runs = [read_run(folder) for folder in places]
    if asker is not unasked and any(_without_job(run) for run in runs) and _may_search(asker):
        from toolspec.backends.launch.adopt import (
            adopt,
            orphans,
        )  # late: it needs the packages that a spec needs

        if adopt(orphans(runs)):
            runs = [read_run(folder) for folder in places]
    now = time.time()
    ids = {
        each.job
        for run in runs
        if not _settled(run, now)
        for each in run.submissions
        if each.kind == "slurm" and each.job
    }
    words = asker(ids)
    me = user()
    living = cache(lambda: values(NONCE))  # of all processes of this machine: once, and only if somebody asks
    return [_looked(run, words, now, me, living) for run in runs]


def _without_job(run: Run) -> bool:
    return run.newest is not None and run.newest.kind == "slurm" and run.newest.job is None


def _may_search(asker: object) -> bool:
    return not isinstance(asker, Asker) or asker.may_search()


def _settled(run: Run, now: float) -> bool:
    last = run.events[-1] if run.events else None
    return last is not None and now - last.time > SETTLED_SECONDS and settled(run)


def _looked(run: Run, words: Words, now: float, me: str, living: Callable[[], set[str]]) -> Looked:
    listed = logs(run.folder)
    touched = listed[-1].modified if listed else None
    return Looked(
        run,
        state_of(run, words, _life(run, living), now, touched, me),
        progress(run.folder, listed),
        tuple(listed),
    )


def _life(run: Run, living: Callable[[], set[str]]) -> Life | None:
    """living: the nonces of the processes that live here."""
    newest = run.newest
    if newest is None or newest.kind != "local" or newest.pid is None:
        return None
    told = life(newest.pid, newest.pid_started, newest.boot, newest.host, socket.gethostname())
    # A supervisor that was killed leaves verl behind, which trains on and writes checkpoints.
    if told == "gone" and newest.nonce and not settled(run) and newest.nonce in living():
        return "left"
    return told


def newest_first(looked: Iterable[Looked]) -> list[Looked]:
    """By their birth, the newest first."""
    return sorted(looked, key=lambda each: (-(each.run.created or 0.0), each.run.id))
