"""Events that toolspec itself writes into a run's folder. Those of the job, the bundle's ts_job.py writes."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from toolspec.backends.launch.runs import Submission


def write_event(run: Path, kind: str, submission: Submission, **fields: Any) -> None:
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
        "job": submission.job,
        "restart": 0,
        **fields,
    }
    shown = "".join(letter if letter.isalnum() else "_" for letter in host)
    file = run / "events" / f"{stamp:019d}-{kind}-{shown}-{os.getpid()}.json"
    file.parent.mkdir(exist_ok=True)
    beside = file.with_name(f".{file.name}.part")
    try:
        with beside.open("w", encoding="utf-8") as stream:
            json.dump(event, stream)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
