"""Which files an answer depends on: every look at the disk is noted while somebody listens, and costs nothing else.

An answer can be kept for as long as none of what was looked at has changed (cli/kept.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_noted: dict[str, str] | None = None


def note(path: object, kind: str = "content") -> None:
    """kind: `content` of a file, `names` in a folder, or `stamp`: size and time of a large file."""
    if _noted is not None:
        _noted[str(path)] = kind


@contextmanager
def noting() -> Iterator[dict[str, str]]:
    """Path → kind of everything that is looked at inside the block."""
    global _noted  # noqa: PLW0603 - one listener a process: the command line
    before, _noted = _noted, {}
    try:
        yield _noted
    finally:
        _noted = before
