"""Runs a command to its end, and says how it ended where the command itself could not: python3 supervise.py COMMAND …

Run by itself, with the standard library alone. It leads the session, so that all of the run can be ended by one signal
to its group, and outlives the terminal that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ENDING = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))
"""For what is left when the command has ended, and how long each may take."""


def main(command: list[str]) -> int:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Who started this had them wait for a moment, and a mask is inherited.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    process = subprocess.Popen(command)
    asked = []

    def pass_on(number: int, _: object) -> None:
        asked.append(
            number
        )  # the group has it already where it was sent to the group; ts_job.py bears it twice
        process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    code = process.wait()
    code = code if code >= 0 else 128 - code
    run, nonce = Path(os.environ["TOOLSPEC_RUN_DIR"]), os.environ["TOOLSPEC_NONCE"]
    _end_rest(nonce)
    if not _said(run, nonce, "ended"):
        kind = "signal" if asked else "killed" if code > 128 else "error"
        began = _said(run, nonce, "started")
        message = f"ended with {code}{'' if began else ' before verl began'}; the log says more"
        _say(code, kind, message, "its own end was not written" if began else "it did not begin")
    return code


def _end_rest(nonce: str) -> None:
    """Ends what is left of the run. verl has a session of its own, which outlives a ts_job.py that was killed; and what
    made itself a daemon would hold its GPU for good."""
    for number, seconds in ENDING:
        until = time.monotonic() + seconds
        for pid in _left(nonce):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        while _left(nonce) and time.monotonic() < until:
            time.sleep(0.1)


def _left(nonce: str) -> list[int]:
    """The run's processes by their environment, this one apart."""
    wanted, found = f"TOOLSPEC_NONCE={nonce}".encode(), []
    for name in os.listdir("/proc"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            if name.isdigit() and wanted in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                found.append(int(name))
    return [pid for pid in found if pid != os.getpid()]


def _said(run: Path, nonce: str, kind: str) -> bool:
    """Whether ts_job.py has written an event of this kind for this submission."""
    for file in (run / "events").glob(f"*-{kind}-*.json"):
        try:
            if json.loads(file.read_text("utf-8")).get("nonce") == nonce:
                return True
        except (OSError, ValueError, AttributeError):
            continue
    return False


def _say(code: int, kind: str, message: str, why: str) -> None:
    stamp = time.time_ns()
    run = Path(os.environ["TOOLSPEC_RUN_DIR"])
    cause = {"kind": kind, "message": message, "fix": "", "signature": f"{kind}:start {code}", "step": None}
    event = {
        "version": 1,
        "kind": "ended",
        "time": stamp / 1e9,
        "host": socket.gethostname(),
        "submission": int(os.environ["TOOLSPEC_SUBMISSION"]),
        "nonce": os.environ["TOOLSPEC_NONCE"],
        "job": None,
        "restart": 0,
        "code": code,
        "cause": cause,
        "next": "stop",
        "why": why,
    }
    (run / "events").mkdir(exist_ok=True)
    file = run / "events" / f"{stamp:019d}-ended-{os.getpid()}-0.json"
    beside = file.with_suffix(".part")
    beside.write_text(json.dumps(event), "utf-8")
    beside.replace(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
