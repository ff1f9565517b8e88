"""Runs the job's command to its end, and says how it ended.

    python3 ts_job.py COMMAND [ARGUMENT …]

Started by hand it only runs the command. As a submission of a run (TOOLSPEC_NONCE, see ts_attempt.py) it also takes up
the newest whole checkpoint, keeps the run's events and decides whether the job begins again (ts_restart.py); in a job
of Slurm it brings up Ray over the job's nodes first (ts_ray.py), one process of this a node.

A reward that raised would end a V0 run at its first fault, and in V1 drop the trajectory without a word; ts_scorer.py
pays `on_error` instead and counts. This is who looks at the count (ts_faults.py, $TOOLSPEC_RUN_DIR/faults), every 5
seconds, and at that of this run alone: files that an earlier one left are not counted. Standard library only.

The command gets a session of its own and every signal that is sent here, those apart that were ignored when this began
(nohup). Ended for its faults it is told as by Ctrl-C, on which main_ppo's Ray shuts down, then by SIGTERM, then all of
the session is killed.

Exit: the command's own; 128 + N where signal N ended it; 69 where Ray or a node failed; 70 where it was ended for its
faults; 75 where the time limit came; 78 where it was refused (ts_resume.py); 127 where it could not be started, or
ts_reward.json not be read.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

import ts_attempt
import ts_faults
import ts_load
import ts_process

ENDED_BY_FAULTS = 70  # EX_SOFTWARE of sysexits.h
NOT_STARTED = 127
FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT")


class Signals:
    """Sends what arrives on to the command. Signals that come before it runs are sent on once it does."""

    def __init__(self) -> None:
        self.process: ts_process.Process | None = None
        self.early: list[int] = []
        for name in FORWARDED:
            number = getattr(signal, name)
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves SIGHUP
                signal.signal(number, self.forward)
            elif (
                number == signal.SIGINT
            ):  # as a shell leaves it behind `&`: not sent on, but the end is asked by it
                signal.signal(number, lambda *_: None)

    def forward(self, number: int, _: FrameType | None) -> None:
        if self.process is None:
            self.early.append(number)
        else:
            self.process.send(number)

    def send_to(self, process: ts_process.Process) -> None:
        self.process = process
        for number in self.early:
            process.send(number)


def run_by_hand(command: list[str], faults: ts_faults.Watched) -> int:
    """Runs `command` to its end; the exit code."""
    signals = Signals()
    try:
        process = ts_process.Process(command)
    except OSError as error:
        return not_started(command, error)
    signals.send_to(process)
    code = None
    while code is None:
        code = process.ended(ts_faults.EVERY_SECONDS)
        if faults.too_many() and code is None:
            process.end()
            return ENDED_BY_FAULTS
    return code


def not_started(command: list[str], error: OSError) -> int:
    print(f"toolspec: {command[0]} could not be started: {error.strerror}", file=sys.stderr)
    return NOT_STARTED


def main(command: list[str]) -> int:
    """The exit code."""
    told = os.environ.get("TOOLSPEC_RUN_DIR")  # without it nobody counts
    try:
        limit = float(ts_load.read_json("ts_reward.json").get("fault_limit") or 1.0)
    except (OSError, TypeError, ValueError) as error:
        print(
            f"toolspec: ts_reward.json cannot be read, so nothing could be scored: {error}", file=sys.stderr
        )
        return NOT_STARTED
    faults = ts_faults.Watched(Path(told) if told else None, limit)
    attempt = ts_attempt.here()
    if attempt is None:
        return run_by_hand(command, faults)
    import ts_submission

    return ts_submission.run(attempt, command, faults)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python3 ts_job.py COMMAND [ARGUMENT …]")
    sys.exit(main(sys.argv[1:]))
