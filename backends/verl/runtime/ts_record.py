"""One JSON line a scored trajectory, in `$TOOLSPEC_RUN_DIR/trajectories/`, one file a process.

verl logs nothing of a reward's parts in training; these lines are where they can be read. A file a process,
because appending to one file from several machines is wrong on NFS. Without TOOLSPEC_RUN_DIR nothing is
written, and a failure to write never touches the score.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger("toolspec")

_failed = False


def path() -> Path | None:
    """The file of this process, or None."""
    folder = os.environ.get("TOOLSPEC_RUN_DIR")
    if not folder:
        return None
    return Path(folder) / "trajectories" / f"{socket.gethostname()}-{os.getpid()}.jsonl"


def append(record: Mapping[str, Any]) -> None:
    """Appends one line; the first failure of the process is logged, none is raised."""
    global _failed  # noqa: PLW0603
    try:
        file = path()
        if file is None:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(record, ensure_ascii=False, default=str, allow_nan=False) + "\n"
        with file.open("ab") as out:
            out.write(line.encode("utf-8", "replace"))
    except Exception as error:
        if not _failed:
            _failed = True
            logger.warning("trajectories are not recorded: %s: %s", type(error).__name__, error)
