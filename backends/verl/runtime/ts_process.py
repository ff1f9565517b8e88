"""A command in a session of its own, so that it ends as a whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import IO

# What is sent to end the command, and how long it may take over it.
ENDING = ((signal.SIGINT, 60.0), (signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))


class Process:
    """A child that leads a session. Its exit code is that of a shell: 128 + N where signal N ended it."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        output: IO[bytes] | int | None = None,
        ignoring: Sequence[int] = (),
    ) -> None:
        """ignoring: signals that the child, and what it starts, are to ignore from their first moment. Raises OSError.

        Ignoring is inherited over exec, so it is set here for the moment of the start, not between fork and exec,
        where Python code may hang. One that comes in this moment is kept (blocked) for the handler of before.
        """
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ignoring)
        before = {number: signal.signal(number, signal.SIG_IGN) for number in ignoring}
        try:
            self.child = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    @property
    def pid(self) -> int:
        return self.child.pid

    def send(self, number: int) -> None:
        """A signal to all of the session; it may be gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, number)

    def ended(self, seconds: float = 0.0) -> int | None:
        """Waits for the command: its exit code, None while it runs."""
        try:
            code = self.child.wait(timeout=seconds) if seconds else self.child.poll()
        except subprocess.TimeoutExpired:
            return None
        return code if code is None or code >= 0 else 128 - code

    def end(self, how: Sequence[tuple[int, float]] = ENDING) -> None:
        """Asks the command to end by each signal in turn, then kills what is left of its session."""
        for number, seconds in how:
            self.send(number)
            if self.ended(seconds) is not None:
                break
        self.send(signal.SIGKILL)
        self.ended(5.0)


def end_all(processes: Sequence[Process], seconds: float) -> None:
    """SIGTERM to all at once, last begun first; SIGKILL to what is left of their sessions after `seconds`."""
    for process in reversed(processes):
        process.send(signal.SIGTERM)
    until = time.monotonic() + seconds
    for process in reversed(processes):
        process.ended(max(0.05, until - time.monotonic()))
    for process in reversed(processes):
        process.send(signal.SIGKILL)
        process.ended(5.0)
