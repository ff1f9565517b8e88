"""Events that toolspec itself writes into a run's folder. Those of the job, the bundle's ts_job.py writes."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any, Protocol

from toolspec.backends.launch.create import place_text


class Sent(Protocol):
    """A submission by its number and nonce; its job, where it has one, is among `fields` or its own."""

    @property
    def number(self) -> int: ...

    @property
    def nonce(self) -> str: ...


def write_event(run: Path, kind: str, submission: Sent, **fields: Any) -> None:
    """One event as a file of its own, whole or not at all. Raises OSError."""
    stamp = time.time_ns()
    host = socket.gethostname()
    event = {
        "version": 1,
        "kind": kind,
        "time": stamp / 1e9,
        "host": host,
        "submission": submission.number,
        "nonce": submission.nonce,
        "job": getattr(submission, "job", None),
        "restart": 0,
        **fields,
    }
    shown = "".join(letter if letter.isalnum() else "_" for letter in host)
    place_text(run / "events" / f"{stamp:019d}-{kind}-{shown}-{os.getpid()}.json", json.dumps(event))
