"""One JSON line a scored trajectory, in `$TOOLSPEC_RUN_DIR/trajectories/`, one file a process.

verl logs nothing of a reward's parts in training; these lines are where they can be read. A file a process, because
appending to one file from several machines is wrong on NFS. Without TOOLSPEC_RUN_DIR nothing is written, and a failure
to write never touches the score.

    HOST-PID-BEGAN-0000.jsonl    began: when the process first wrote, in ms: a process id comes back

A line is written by one write and counts when its newline is there: a killed process can leave one line without, at
the end of its file, to which nobody appends. A write that falls short (a full disk) is taken back. When the file has
grown beyond TOOLSPEC_RECORD_BYTES (64 MiB) the next line begins another. `records` reads them.
"""

from __future__ import annotations

import json
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger("toolspec")

MOST_BYTES = 64 << 20

_lock = threading.Lock()
_failed = False


class _File:
    """The file of a process: its name without a number, the number, and the bytes of whole lines in it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.stem = f"{socket.gethostname()}-{self.pid}-{int(time.time() * 1000)}"
        self.number = 0
        self.most = int(os.environ.get("TOOLSPEC_RECORD_BYTES") or MOST_BYTES)

    def append(self, folder: Path, line: bytes) -> None:
        """Raises OSError; then no part of the line is left."""
        file = folder / f"{self.stem}-{self.number:04d}.jsonl"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        try:
            descriptor = os.open(file, flags, 0o644)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, flags, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            try:
                written = os.write(descriptor, line)
                while written < len(line):
                    written += os.write(descriptor, line[written:])
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
        if size + len(line) >= self.most:
            self.number += 1


_file: _File | None = None


def append(record: Mapping[str, Any]) -> None:
    """Appends one line; the first failure of the process is logged, none is raised."""
    global _failed, _file  # noqa: PLW0603
    try:
        run = os.environ.get("TOOLSPEC_RUN_DIR")
        if not run:
            return
        try:
            text = json.dumps(record, ensure_ascii=False, default=str, allow_nan=False)
        except ValueError:  # a row's own number may be NaN, as pandas writes a missing one
            text = json.dumps(finite(record), ensure_ascii=False, default=str, allow_nan=False)
        with _lock:
            if _file is None or _file.pid != os.getpid():
                _file = _File()
            _file.append(Path(run) / "trajectories", text.encode("utf-8", "replace") + b"\n")
    except Exception as error:
        if not _failed:
            _failed = True
            logger.warning("trajectories are not recorded: %s: %s", type(error).__name__, error)


def finite(value: Any) -> Any:
    """The value with NaN and infinities as None, in depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


def records(run: Path) -> Iterator[dict[str, Any]]:
    """Every whole record below `run`, file by file in the order in which they were written. Raises OSError."""
    for file in sorted((run / "trajectories").glob("*.jsonl")):
        with file.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)
