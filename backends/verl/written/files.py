"""The one way to files while linting: regular files within a size, each read once."""

from __future__ import annotations

import os
from pathlib import Path

from toolspec.specs.named_file import UnreadableError, read
from toolspec.specs.reads import note

MAX_BYTES = 4 << 20


class Files:
    """Reads files and remembers what they held, so that all rules see the same."""

    def __init__(self) -> None:
        self._seen: dict[str, bytes | str] = {}
        self._names: dict[str, tuple[str, ...]] = {}

    def read(self, path: Path) -> bytes | None:
        """The content of a regular file of at most MAX_BYTES, else None. A pipe or a device is not waited for."""
        found = self._read(path)
        return found if isinstance(found, bytes) else None

    def why_not(self, path: Path) -> str:
        """Why a file cannot be read, "" where it can."""
        found = self._read(path)
        return found if isinstance(found, str) else ""

    def _read(self, path: Path) -> bytes | str:
        name = str(path)
        if name not in self._seen:
            try:
                self._seen[name] = read(path, MAX_BYTES)
            except UnreadableError as error:
                self._seen[name] = str(error)
        return self._seen[name]

    def depends(self, path: Path, stamp: str) -> None:
        """A file that is read elsewhere and is large: it is told by size and time."""
        note(path, "stamp")

    def names(self, folder: Path) -> tuple[str, ...]:
        """The sorted names in a folder, () where it cannot be listed."""
        name = str(folder)
        if name not in self._names:
            note(folder, "names")
            try:
                self._names[name] = tuple(sorted(os.listdir(name)))  # noqa: PTH208
            except OSError:
                self._names[name] = ()
        return self._names[name]
