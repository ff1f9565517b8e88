"""The files that a glob means: a search that ends, whatever links and how many files lie in its way."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from glob import has_magic
from pathlib import Path

from toolspec.specs.named_file import UnreadableError, is_regular
from toolspec.specs.reads import note

MAX_ENTRIES = 200_000
"""Files and folders looked at: some seconds on a disk, far more than any data set has shards."""
MAX_FILES = 10_000


def matching_files(pattern: Path, base: Path) -> tuple[Path, ...]:
    """Regular files whose path matches, sorted. `*`, `?`, `[…]` match in one name, `**` any folders on the way.

    The folder `base` that a relative pattern was written in is no pattern, whatever characters its name has.
    As for glob.glob, a name that begins with a dot is matched by a dot alone; unlike there, `**` goes into no
    link, so that links in a circle are no endless tree. Raises UnreadableError beyond MAX_ENTRIES and MAX_FILES.
    """
    start = base if pattern.is_relative_to(base) else Path(pattern.anchor)
    parts = pattern.relative_to(start).parts
    parts = (*parts, "*") if parts[-1] == "**" else parts
    found: set[Path] = set()
    looked_at = 0
    pending = [(start, parts)]
    while pending:
        folder, (part, *rest) = pending.pop()
        if not has_magic(part):
            if rest:
                pending.append((folder / part, tuple(rest)))
            elif is_regular(folder / part):
                found.add(folder / part)
            continue
        anywhere = part == "**"
        if anywhere:
            while rest[0] == "**":  # twice is once
                del rest[0]
            pending.append((folder, tuple(rest)))
        matches = re.compile(fnmatch.translate(part)).match
        for entry in _entries(folder):
            looked_at += 1
            if looked_at > MAX_ENTRIES:
                raise UnreadableError(f"more than {MAX_ENTRIES:,} files and folders lie in its way")
            if (entry.name.startswith(".") and not part.startswith(".")) or not matches(entry.name):
                continue
            path = folder / entry.name
            if anywhere:
                if _is_real_folder(entry):
                    pending.append((path, ("**", *rest)))
            elif rest:
                pending.append((path, tuple(rest)))
            elif is_regular(path):
                found.add(path)
        if len(found) > MAX_FILES:
            raise UnreadableError(f"it matches more than {MAX_FILES:,} files")
    return tuple(sorted(found))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Nothing where there is no folder, or none that may be read."""
    try:
        note(folder, "names")
        with os.scandir(folder) as entries:
            yield from entries
    except (OSError, ValueError):
        return


def _is_real_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
