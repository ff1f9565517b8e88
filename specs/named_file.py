"""The one way to a file that the user names: found from its text, and read only where it is a regular file."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from errno import EACCES, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import IO, TypeVar

from toolspec.specs.problem import Problem, ProblemError, Span
from toolspec.specs.reads import laid, note

T = TypeVar("T")

_ERRORS: Mapping[int, str] = MappingProxyType(
    {
        ENOENT: "there is no such file",
        ENOTDIR: "there is no such file: a part of its path is no folder",
        EISDIR: "it is a folder",
        ELOOP: "it is a link that leads back to itself",
        ENAMETOOLONG: "the name is longer than the file system takes",
        EACCES: "permission denied",
        EPERM: "permission denied",
    }
)
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a pipe, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
)
# File systems without files: what is read there is made up by the kernel, in any length.
_MADE_UP = ("/proc", "/sys")


class UnreadableError(Exception):
    """Why a file cannot be read, as the clause that follows `cannot read NAME: `.

    missing: nothing is there. too_large: it is a file, of more bytes than are read.
    """

    def __init__(self, reason: str, *, missing: bool = False, too_large: bool = False) -> None:
        super().__init__(reason)
        self.missing = missing
        self.too_large = too_large


def located(text: str, base: Path) -> Path:
    """The path that `text` names from the folder `base`; `~` and `~user` are home folders of this machine.

    Raises UnreadableError for a name that no file can have and a home that nobody has.
    """
    if "\0" in text:
        raise UnreadableError("no file name holds a NUL")
    expanded = os.path.expanduser(text)  # noqa: PTH111 - pathlib's raises, and takes `./~` for a home
    if text.startswith("~") and expanded == text:
        raise UnreadableError(f"there is no user `{text[1:].partition('/')[0]}` here")
    return base / expanded


def real(file: Path) -> Path:
    """The path with its links followed, as far as they lead. Unlike Path.resolve it never raises."""
    try:
        return Path(os.path.realpath(file))
    except (OSError, ValueError):
        return file.absolute()


def open_regular(file: Path) -> IO[bytes]:
    """The file, open for reading. Raises UnreadableError for everything that is no regular file.

    It is looked at before it is opened, since opening some devices does something, and again after, since what was
    looked at must be what is read. A pipe without a writer cannot hold the reader up.
    """
    note(file)
    over = laid(file)
    if over is not None:
        return io.BytesIO(over)
    try:
        _check(file.stat(), file)
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise explained(error) from None
    except ValueError:
        raise UnreadableError("no file name holds a NUL") from None
    try:
        _check(os.fstat(handle), file)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def kind_of(mode: int) -> str:
    """What a mode is of, as a clause, where it is of no regular file; else ""."""
    return next((reason for is_kind, reason in _KINDS if is_kind(mode)), "")


def _check(found: os.stat_result, file: Path) -> None:
    if reason := kind_of(found.st_mode):
        raise UnreadableError(reason)
    made_up = _made_up().get(found.st_dev)
    if made_up is not None:
        raise UnreadableError(f"it stands in {made_up}, where files are made up as they are read")
    if str(file).startswith(("/dev/stdin", "/dev/fd/")):
        raise UnreadableError("what it is depends on who starts the command")


@cache
def _made_up() -> dict[int, str]:
    return {Path(folder).stat().st_dev: folder for folder in _MADE_UP if is_folder(Path(folder))}


def explained(error: OSError) -> UnreadableError:
    """An error of the operating system in words."""
    reason = _ERRORS.get(error.errno or 0) or error.strerror or str(error)
    return UnreadableError(reason, missing=error.errno in (ENOENT, ENOTDIR))


def head(file: Path, size: int) -> bytes:
    """The first `size` bytes of a regular file. Raises UnreadableError."""
    with open_regular(file) as stream:
        try:
            return stream.read(size)
        except OSError as error:
            raise explained(error) from None


def read(file: Path, limit: int) -> bytes:
    """A regular file of at most `limit` bytes. Raises UnreadableError."""
    data = head(file, limit + 1)
    if len(data) > limit:
        raise UnreadableError(f"it has more than {limit:,} bytes", too_large=True)
    return data


def read_text(file: Path, limit: int) -> str:
    """The same, as UTF-8 text, with or without a byte order mark. Raises UnreadableError."""
    data = read(file, limit)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte {error.start} is 0x{error.object[error.start]:02x}"
        raise UnreadableError(f"{byte}, which is not UTF-8 there") from None


def is_regular(file: Path) -> bool:
    """Whether a regular file is there. Never raises, whatever the name and the rights on the way."""
    note(file)
    return laid(file) is not None or os.path.isfile(file)  # noqa: PTH113 - pathlib's raises for a name too long and a folder that is closed


def is_folder(file: Path) -> bool:
    """Whether a folder is there. Never raises."""
    note(file)
    return os.path.isdir(file)  # noqa: PTH112


def named(read_it: Callable[[], T], name: str, span: Span | None, path: str = "", fix: str = "") -> T:
    """What `read_it` returns. Raises ProblemError (TS020) at the place `span` that names the file."""
    try:
        return read_it()
    except UnreadableError as error:
        raise unreadable(error, name, span, path, fix) from None


def unreadable(
    error: UnreadableError, name: str, span: Span | None, path: str = "", fix: str = ""
) -> ProblemError:
    """The problem of a file that cannot be read, at the place that names it."""
    message = f"cannot read {name}: {error}"
    return ProblemError((Problem("TS020", "unreadable-file", message, span, path, fix=fix),))


def from_here(path: Path) -> Path:
    """The path as a user here would write it, which is also what annotations of a repository want."""
    with suppress(ValueError, OSError):
        return path.relative_to(Path.cwd())
    return path
