"""Events of a run: one file each in `$TOOLSPEC_RUN_DIR/events/`, written beside and renamed, never changed.

    NANOSECONDS-KIND-HOST-PID.json    {"version": 1, "kind", "time", "host", "submission", "nonce", "job", "restart", …}

A file an event, since two machines that append to one file lose lines on NFS. docs/runs.md has the kinds.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import ts_attempt


def write(attempt: ts_attempt.Attempt, kind: str, **fields: Any) -> None:
    """Writes one event. A failure (a full disk) is told on stderr and not raised: the run goes on without its news."""
    stamp = time.time_ns()
    event = {
        "version": 1,
        "kind": kind,
        "time": stamp / 1e9,
        "host": socket.gethostname(),
        "submission": attempt.submission,
        "nonce": attempt.nonce,
        "job": attempt.job,
        "restart": attempt.restart,
        **fields,
    }
    host = "".join(letter if letter.isalnum() else "_" for letter in socket.gethostname())
    try:
        place(attempt.run / "events" / f"{stamp:019d}-{kind}-{host}-{os.getpid()}.json", json.dumps(event))
    except OSError as error:
        print(f"toolspec: the event `{kind}` could not be written: {error}", file=sys.stderr, flush=True)


def place(file: Path, text: str) -> None:
    """Writes `text` as `file`, whole or not at all. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def read(run: Path) -> list[dict[str, Any]]:
    """All events that can be read, in the order of their names: by time, as each host's clock has it."""
    found = []
    for file in sorted((run / "events").glob("*.json")):
        try:
            event = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("kind"), str):
            found.append(event)
    return found
