"""Counts that are kept between commands in the user's cache folder, each under the hash of all that it rests on.

An entry is JSON behind a hash of itself: what was cut short, or was written by another program, is as if it were not
there. Processes may keep and forget side by side, since an entry appears whole under its name.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

MOST_BYTES = 64 << 20
"""Of all entries together: some hundred of 100,000 rows."""
_HASH = 32  # bytes of an entry's own hash, in hex


def folder() -> Path:
    """The folder of the entries. Raises RuntimeError where there is no home folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "toolspec" / "counts"


def named(parts: Iterable[Any], code: Iterable[Path]) -> str:
    """The name of an entry. parts: plain data that decides the counts; code: folders of toolspec's that do."""
    digest = blake2b(digest_size=16)
    for part in (*parts, _code(tuple(code))):
        text = json.dumps(part, default=repr)
        digest.update(f"{len(text)} {text}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Hash of a file's bytes. Raises OSError."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@cache
def _code(folders: tuple[Path, ...]) -> str:
    """What counts is: the sources in these folders, and the packages that render and count."""
    digest = blake2b(digest_size=16)
    for place in folders:
        for file in sorted((*place.glob("*.py"), *place.glob("*.json"))):
            digest.update(f"{file.name} {file_hash(file)}\n".encode())
    digest.update(f"{version('jinja2')} {version('tokenizers')}".encode())
    return digest.hexdigest()


def read(name: str) -> Any:
    """What was kept; None where there is nothing, or nothing whole."""
    try:
        path = folder() / name
        data = path.read_bytes()
        told, text = data[:_HASH], data[_HASH:]
        if _own_hash(text) != told:
            return None
        os.utime(path)  # the least used go first
        return json.loads(text)
    except (OSError, RuntimeError, ValueError, RecursionError):
        return None


def keep(name: str, value: Any) -> None:
    """Keep plain data. A cache that cannot be written is no fault."""
    text = json.dumps(value, separators=(",", ":")).encode()
    if len(text) > MOST_BYTES // 2:
        return
    try:
        place = folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not the process number: two containers may share the folder and count alike.
        draft = place / f".{name}.{secrets.token_hex(8)}"
    except (OSError, RuntimeError):
        return
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(_own_hash(text) + text)
        draft.replace(place / name)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        return
    _forget(place)


def _own_hash(text: bytes) -> bytes:
    return blake2b(text, digest_size=_HASH // 2).hexdigest().encode()


def _forget(place: Path) -> None:
    """The entries that were not used for longest go where all together are too large, drafts among them."""
    found = []
    with suppress(OSError):
        for entry in os.scandir(place):
            with suppress(OSError):  # another process was first
                told = entry.stat()
                found.append((told.st_mtime_ns, told.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= MOST_BYTES:
            return
        with suppress(OSError):
            Path(path).unlink()
        total -= size
