"""How many of a run's scores were faults, and whether that is too many to go on.

Every process that scores keeps its own file `$TOOLSPEC_RUN_DIR/faults/HOST-PID-BEGAN.json`, replaced whole:
{"scored": n, "faults": n, "first": text}. It is written at the first score, at the first fault, and then at
most every 5 seconds, so that processes without a fault count too. `too_many` sums them for ts_job.py, which
ends the run.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

logger = logging.getLogger("toolspec")

EVERY_SECONDS = 5.0
LEAST = 100  # scores, before a share says anything


class Faults:
    """The count of one process."""

    def __init__(self) -> None:
        self.scored = 0
        self.count = 0
        self.first = ""
        self.written = -EVERY_SECONDS
        self.pid = 0
        self.name = ""

    def add(self, fault: str | None) -> None:
        """Counts a score; a failure to write is logged and not raised."""
        self.scored += 1
        if fault is not None:
            self.count += 1
            self.first = self.first or fault
        now = time.monotonic()
        if now - self.written >= EVERY_SECONDS or (fault is not None and self.count == 1):
            self.written = now
            self._write()

    def _write(self) -> None:
        run = os.environ.get("TOOLSPEC_RUN_DIR")
        if not run:
            return
        if self.pid != os.getpid():
            self.pid = os.getpid()
            self.name = f"{socket.gethostname()}-{self.pid}-{int(time.time() * 1000)}"
        try:
            folder = Path(run) / "faults"
            folder.mkdir(parents=True, exist_ok=True)
            beside = folder / f"{self.name}.tmp"
            beside.write_text(
                json.dumps({"scored": self.scored, "faults": self.count, "first": self.first}), "utf-8"
            )
            beside.replace(folder / f"{self.name}.json")
        except OSError as error:
            logger.warning("faults are not recorded: %s", error)


def files(run: Path) -> frozenset[Path]:
    """The counts that lie in the run folder."""
    return frozenset((run / "faults").glob("*.json"))


def counted(run: Path, without: frozenset[Path] = frozenset()) -> tuple[int, int, str]:
    """(scores, faults, one fault's text) of all processes. Files that cannot be read are left out.

    without: files of an earlier run in the same folder.
    """
    scored, faults, first = 0, 0, ""
    for file in sorted(files(run) - without):
        try:
            told: dict[str, Any] = json.loads(file.read_text("utf-8"))
            scored, faults = scored + int(told["scored"]), faults + int(told["faults"])
            first = first or str(told["first"])
        except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
            continue
    return scored, faults, first


def too_many(run: Path, limit: float, least: int = LEAST, without: frozenset[Path] = frozenset()) -> str:
    """Why the run should end: more than the share `limit` of at least `least` scores were faults; "" if not."""
    scored, faults, first = counted(run, without)
    if scored < least or faults <= limit * scored:
        return ""
    return f"{faults} of {scored} scores were faults, more than {limit:.0%}; the first: {first}"


class Watched:
    """The faults of a run since now. limit: the share of faults that ends it (ts_reward.json)."""

    def __init__(self, run: Path | None, limit: float) -> None:
        self.run, self.limit = run, limit
        self.before = files(run) if run else frozenset()

    def too_many(self) -> str:
        """Why the run should end, or ""; it is said on stderr."""
        reason = too_many(self.run, self.limit, without=self.before) if self.run else ""
        if reason:
            print(f"toolspec: {reason} (reward.fault_limit)", file=sys.stderr, flush=True)
        return reason
