"""How a process of the user's code ended, in words, and which processes it left: found by a mark, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence

MARK = "TOOLSPEC_REHEARSAL"
"""In the environment of every process that a tool starts, by which it is found."""

SIGNALS: Mapping[int, str] = {
    signal.SIGXCPU: "the process has used its CPU time",
    signal.SIGKILL: "the process was killed, as for want of memory",
    signal.SIGSEGV: "the process crashed (segmentation fault)",
    signal.SIGABRT: "the process aborted, as for want of memory",
}


def said(code: int | None) -> str:
    """A clause. code: of the process, as subprocess has it; None where it still runs."""
    if code is None:
        return "it closed the files that answers go through"
    if code < 0:
        return SIGNALS.get(-code, f"the process ended by signal {-code} ({_name(-code)})")
    return f"the process ended with code {code}"


def end_marked(mark: str) -> None:
    """Ends all processes with the mark; some more times, for those that are just being started."""
    for _ in range(5):
        left = [one for one in _marked(mark) if one != os.getpid()]
        for one in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(one, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.01)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _marked(mark: str) -> Iterator[int]:
    """Processes with the mark in their environment, where the system shows it: a session of their own hides no one."""
    wanted = f"{MARK}={mark}".encode()
    try:
        names: Sequence[str] = os.listdir("/proc")  # noqa: PTH208
    except OSError:
        return
    for name in names:
        if not name.isdecimal():
            continue
        with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as stream:  # noqa: PTH123
            if wanted in stream.read():
                yield int(name)
