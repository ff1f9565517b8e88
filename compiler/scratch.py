"""Folders to work in beside what they become: gone at the end, and swept away after a process that was killed."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".toolspec-"
LOCK = "lock"
FOREIGN_DAYS = 7
"""Whether a process of another machine lives cannot be asked: its folder counts as left after a week of stillness."""
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A new folder in `folder`, which is there, removed at the end of the block however it ends.

    Raises OSError where it cannot be made. What killed processes left in `folder` is removed first.
    """
    sweep(folder)
    place = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    lock = -1
    try:
        lock = _hold(place)
        yield place
    finally:
        # A second Ctrl-C waits until this is done.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
        try:
            if lock >= 0:
                os.close(lock)
            shutil.rmtree(place, ignore_errors=True)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def sweep(folder: Path) -> None:
    """Remove the scratch folders in `folder` whose process is dead. What cannot be removed stays."""
    with suppress(OSError):
        for place in folder.glob(f"{PREFIX}*"):
            if place.is_dir() and not place.is_symlink() and _is_left(place):
                shutil.rmtree(place, ignore_errors=True)


def _hold(place: Path) -> int:
    """Lock the folder for as long as this process lives. The lock gets its name when it is held, so that no other
    process finds it free before. Returns the open file."""
    fresh = place / f"{LOCK}-{os.getpid()}"
    stream = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        # A file system without locks: nothing is written, and the folder is judged by its age alone.
        with suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(stream, _machine().encode())
        fresh.rename(place / LOCK)
    except BaseException:
        os.close(stream)
        raise
    return stream


def _is_left(place: Path) -> bool:
    """Whether the process that made the folder is dead. Asked of the lock only where this machine made it: over a
    shared file system, locks of another one may not be seen (NFS and Lustre with local locks)."""
    try:
        with (place / LOCK).open("r+b") as stream:
            if stream.read(200).decode("utf-8", "replace") == _machine():
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
    newest = max(_changed(path) for path in (place, *place.rglob("*")))
    return time.time() - newest > FOREIGN_DAYS * 86400


def _changed(path: Path) -> float:
    """When the file was last written; now, where that cannot be read, so that it is not taken for old."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return time.time()


def _machine() -> str:
    """This running kernel, which sees its own locks: Linux has a number for each boot; elsewhere the host's name."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return os.uname().nodename
