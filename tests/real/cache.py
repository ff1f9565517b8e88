"""Expensive folders made once for a machine: keyed by what goes in, built beside, renamed when whole."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """Where they lie: toolspec/real in the user's cache folder ($XDG_CACHE_HOME, else ~/.cache)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "toolspec" / "real"


def cached(name: str, content: Any, build: Callable[[Path], None]) -> Path:
    """The folder of `name` for this `content` (a JSON value), built by `build(folder)` if it is not there.

    Two processes never build at once: the second waits and finds the first one's. A build that fails or is
    killed leaves nothing that a later call would take for whole.
    """
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache_folder() / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        unfinished = folder.with_suffix(".building")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            build(unfinished)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        unfinished.rename(folder)
    return folder
