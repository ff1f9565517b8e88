"""Values of a JSON file that may be half-written, cut, or somebody else's: each asked for by its kind."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping
from errno import ELOOP
from pathlib import Path
from typing import Any

from toolspec.specs.named_file import UnreadableError, explained, kind_of, open_regular

Mapped = Mapping[str, Any]

MOST_BYTES = 4 << 20
"""Of run.json, a submission or an event. Their largest part is the list of a node's packages, some 50 KiB."""
_LARGEST = 1e15


def mapping(file: str) -> Mapped:
    """The file's JSON object. Raises UnreadableError, with the reason as a clause, for everything else."""
    data = end_of(file, MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UnreadableError(f"it has more than {MOST_BYTES:,} bytes", too_large=True)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise UnreadableError("it is no JSON, or not all of it") from None
    if not isinstance(value, dict):
        raise UnreadableError("it is JSON, but no object")
    return value


def end_of(file: str, size: int) -> bytes:
    """The last `size` bytes of a regular file. Raises UnreadableError.

    For thousands of files: a link is looked at twice (named_file), a plain name is opened at once, without waiting for
    the writer of a pipe.
    """
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno != ELOOP:
            raise explained(error) from None
        stream = open_regular(Path(file))
        handle = os.dup(stream.fileno())
        stream.close()
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError(kind_of(status.st_mode) or "it is no file")
        data = b""
        at = max(0, status.st_size - size)
        while len(data) < size and (more := os.pread(handle, size - len(data), at + len(data))):
            data += more
            if at + len(data) >= status.st_size:
                break
        return data
    except OSError as error:
        raise explained(error) from None
    finally:
        os.close(handle)


def text(values: Mapped, name: str) -> str | None:
    """A text that is not empty, without what no file's name can hold."""
    value = values.get(name)
    return value.replace("\0", "") or None if isinstance(value, str) else None


def real(values: Mapped, name: str) -> float | None:
    """A finite number, as times and GPU-hours are."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and abs(value) < _LARGEST else None


def whole(values: Mapped, name: str) -> int | None:
    """A whole number, not negative."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _LARGEST else None


def texts(values: Mapped, name: str) -> tuple[str, ...]:
    """The texts of a list; what else stands in it is left out."""
    value = values.get(name)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def inner(values: Mapped, name: str) -> Mapped:
    """An object inside, or an empty one."""
    value = values.get(name)
    return value if isinstance(value, dict) else {}
