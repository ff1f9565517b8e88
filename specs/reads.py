"""Looks at the disk, as far as somebody listens or lays other texts over it; nothing else costs anything.

An answer of lint can be kept for as long as none of what was looked at has changed (cli/kept.py), and an editor's text
is linted before it is saved (lsp/).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

Looks = dict[tuple[str, str], str]
"""(path, kind) → the stamp of what was there before it was looked at."""

_noted: Looks | None = None
_laid: dict[str, bytes] = {}


def note(path: object, kind: str = "content") -> None:
    """kind: `content` of a file, `names` in a folder, or `stamp`: size and time of a large file."""
    if _noted is not None:
        name = str(path)
        if (name, kind) not in _noted:
            _noted[name, kind] = stamp(name)


def stamp(path: str) -> str:
    """Another text after every change of a file, or of the names in a folder, that the file system times."""
    try:
        found = os.stat(path)  # noqa: PTH116 - pathlib's raises for a name that no file can have
    except (OSError, ValueError) as error:
        return f"error {getattr(error, 'errno', '')}"
    times = f"{found.st_mtime_ns} {found.st_ctime_ns}"
    return f"{found.st_mode} {found.st_size} {times} {found.st_dev} {found.st_ino}"


@contextmanager
def noting() -> Iterator[Looks]:
    """Everything that is looked at inside the block."""
    global _noted  # noqa: PLW0603 - one listener a process: the command line
    before, _noted = _noted, {}
    try:
        yield _noted
    finally:
        _noted = before


@contextmanager
def laid_over(texts: Mapping[str, bytes]) -> Iterator[None]:
    """Inside the block the files of these absolute paths hold these texts, whatever is on the disk."""
    before = dict(_laid)
    _laid.update(texts)
    try:
        yield
    finally:
        _laid.clear()
        _laid.update(before)


def laid(path: object) -> bytes | None:
    """The text that is laid over a file, None for none."""
    return _laid.get(os.path.abspath(str(path))) if _laid else None  # noqa: PTH100 - links stay as they are
