"""Runs a command to its end, and says how it ended where the command itself could not: python3 supervise.py COMMAND …

Run by itself, with the standard library alone. It leads the session, so that all of the run can be ended by one signal
to its group, and outlives the terminal that started it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


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
    if not _said(Path(os.environ["TOOLSPEC_RUN_DIR"]), os.environ["TOOLSPEC_NONCE"]):
        kind = "signal" if asked else "error"
        _say(code, kind, f"ended with {code} before verl began; the log says more")
    return code


def _said(run: Path, nonce: str) -> bool:
    """Whether ts_job.py has said how this submission ended."""
    for file in (run / "events").glob("*-ended-*.json"):
        try:
            if json.loads(file.read_text("utf-8")).get("nonce") == nonce:
                return True
        except (OSError, ValueError, AttributeError):
            continue
    return False


def _say(code: int, kind: str, message: str) -> None:
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
        "why": "it did not begin",
    }
    (run / "events").mkdir(exist_ok=True)
    file = run / "events" / f"{stamp:019d}-ended-{os.getpid()}-0.json"
    beside = file.with_suffix(".part")
    beside.write_text(json.dumps(event), "utf-8")
    beside.replace(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
