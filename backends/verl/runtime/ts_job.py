"""Runs the job's command and ends it where too many of the reward's scores are faults.

    python3 ts_job.py COMMAND [ARGUMENT …]

A reward that raised would end a V0 run at its first fault, and in V1 drop the trajectory without a word; ts_scorer.py
pays `on_error` instead and counts. This is who looks at the count (ts_faults.py, $TOOLSPEC_RUN_DIR/faults), every 5
seconds, and at that of this run alone: files that an earlier one left are not counted. Standard library only.

The command gets a session of its own and every signal that is sent here, those apart that were ignored when this began
(nohup). Ended for its faults it is told as by Ctrl-C, on which main_ppo's Ray shuts down, then by SIGTERM, then all of
the session is killed.

Exit: the command's own; 128 + N where signal N ended it; 70 where it was ended for its faults; 127 where it could not
be started, or ts_reward.json not be read.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

import ts_faults
import ts_load

EVERY_SECONDS = 5.0
ENDED_BY_FAULTS = 70  # EX_SOFTWARE of sysexits.h
NOT_STARTED = 127
# What is sent to end the command, and how long it may take over it.
ENDING = ((signal.SIGINT, 60.0), (signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))
FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT")


class Job:
    """The command, in a session of its own. Signals that come before it runs are sent on once it does."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.early: list[int] = []

    def start(self, command: list[str]) -> None:
        """Raises OSError."""
        for name in FORWARDED:
            number = getattr(signal, name)
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves SIGHUP
                signal.signal(number, self.forward)
            elif (
                number == signal.SIGINT
            ):  # as a shell leaves it behind `&`: not sent on, but the end is asked by it
                signal.signal(number, lambda *_: None)
        self.child = subprocess.Popen(command, start_new_session=True)
        for number in self.early:
            self.send(number)

    def forward(self, number: int, _: FrameType | None) -> None:
        if self.child is None:
            self.early.append(number)
        else:
            self.send(number)

    def send(self, number: int) -> None:
        """A signal to all of the session; it may be gone."""
        if self.child is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.child.pid, number)

    def ended(self, seconds: float) -> int | None:
        """Waits for the command: its exit code as a shell gives it, None while it runs."""
        assert self.child is not None
        try:
            code = self.child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 else 128 - code

    def end(self) -> None:
        """Asks the command to end, then kills what is left of its session."""
        for number, seconds in ENDING:
            self.send(number)
            if self.ended(seconds) is not None:
                break
        self.send(signal.SIGKILL)


def main(command: list[str]) -> int:
    """Runs `command` to its end; the exit code."""
    told = os.environ.get("TOOLSPEC_RUN_DIR")  # without it nobody counts
    run = Path(told) if told else None
    try:
        limit = float(ts_load.read_json("ts_reward.json").get("fault_limit") or 1.0)
    except (OSError, TypeError, ValueError) as error:
        print(
            f"toolspec: ts_reward.json cannot be read, so nothing could be scored: {error}", file=sys.stderr
        )
        return NOT_STARTED
    before = ts_faults.files(run) if run else frozenset()
    job = Job()
    try:
        job.start(command)
    except OSError as error:
        print(f"toolspec: {command[0]} could not be started: {error.strerror}", file=sys.stderr)
        return NOT_STARTED
    code = None
    while code is None:
        code = job.ended(EVERY_SECONDS)
        reason = ts_faults.too_many(run, limit, without=before) if run else ""
        if not reason:
            continue
        print(f"toolspec: {reason} (reward.fault_limit)", file=sys.stderr, flush=True)
        if code is None:
            job.end()
            return ENDED_BY_FAULTS
    return code


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python3 ts_job.py COMMAND [ARGUMENT …]")
    sys.exit(main(sys.argv[1:]))
