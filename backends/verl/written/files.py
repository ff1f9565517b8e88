"""The one way to files while linting: regular files within a size, each read once."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from toolspec.specs.named_file import UnreadableError, read
from toolspec.specs.reads import note

MAX_BYTES = 4 << 20
MOST_RECENT = 2  # the rows of a run: training and validation
T = TypeVar("T")


class Files:
    """Reads files and remembers what they held, so that all rules see the same.

    counting: whether prompts may be counted, which takes seconds.
    """

    def __init__(self, counting: bool = True) -> None:
        self.counting = counting
        self._seen: dict[str, bytes | str] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._made: dict[tuple[str, str], object] = {}
        self._recent: OrderedDict[str, object] = OrderedDict()

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

    def depends(self, path: Path) -> None:
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

    def named(self, folder: Path, pattern: str) -> tuple[str, ...]:
        """Those of the names that the regular expression matches whole. Many inputs of a folder ask alike."""
        return self.once(
            pattern,
            folder,
            lambda: tuple(name for name in self.names(folder) if re.fullmatch(pattern, name)),
        )

    def once(self, what: str, path: Path, make: Callable[[], T]) -> T:
        """What `make` reads of a path for the first input that asks, for all others as well; so what it raises."""
        key = (what, str(path))
        if key not in self._made:
            try:
                self._made[key] = make()
            except Exception as error:
                self._made[key] = _Raised(error)
        found = self._made[key]
        if isinstance(found, _Raised):
            raise found.error.with_traceback(None)
        value: T = found  # type: ignore[assignment]
        return value

    def recently(self, what: str, make: Callable[[], T]) -> T:
        """The same of something large, for the inputs that ask soon: the last few are kept. What it raises is not."""
        if what not in self._recent:
            self._recent[what] = make()
            if len(self._recent) > MOST_RECENT:
                self._recent.popitem(last=False)
        self._recent.move_to_end(what)
        value: T = self._recent[what]  # type: ignore[assignment]
        return value


class _Raised:
    def __init__(self, error: Exception) -> None:
        self.error = error
