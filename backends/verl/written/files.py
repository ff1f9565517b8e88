"""The one way to files while linting: regular files within a size, each remembered with what it held."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_BYTES = 4 << 20


class Files:
    """Reads files and remembers which, so that an answer can be kept for as long as none of them changes.

    `seen`: path → content, None for one that could not be read; `listed`: folders that were looked through;
    `stamped`: large files, by size and time.
    """

    def __init__(self) -> None:
        self.seen: dict[str, bytes | None] = {}
        self.listed: dict[str, tuple[str, ...]] = {}
        self.stamped: dict[str, str] = {}

    def depends(self, path: Path, stamp: str) -> None:
        """Remember a file that is read elsewhere, by size and time of change."""
        self.stamped[str(path)] = stamp

    def read(self, path: Path) -> bytes | None:
        """The content of a regular file of at most MAX_BYTES, else None. A pipe or a device is not waited for."""
        name = str(path)
        if name not in self.seen:
            self.seen[name] = _content(name)
        return self.seen[name]

    def names(self, folder: Path) -> tuple[str, ...]:
        """The sorted names in a folder, () where it cannot be listed."""
        name = str(folder)
        if name not in self.listed:
            try:
                self.listed[name] = tuple(sorted(os.listdir(name)))  # noqa: PTH208
            except OSError:
                self.listed[name] = ()
        return self.listed[name]


def _content(name: str) -> bytes | None:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return None
        try:
            return stream.read(MAX_BYTES + 1)
        except OSError:
            return None
