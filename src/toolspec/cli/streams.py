"""The standard streams, made to take what is printed whatever the shell handed over."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TextIO, cast

ERRORS = "toolspec-plain"
# What toolspec prints beside ASCII, for a stream that cannot carry it.
_PLAIN: Mapping[str, str] = MappingProxyType(
    {"→": "->", "←": "<-", "…": "...", "·": "-", "–": "-", "−": "-", "×": "x", "≤": "<=", "≥": ">="}
)


def prepare() -> None:
    """Give the process three open streams of which no print fails for its encoding or for a reader that left."""
    codecs.register_error(ERRORS, _plain)
    _take_closed_numbers()
    sys.stdin = sys.stdin or _nothing("r")
    sys.stdout = _lasting(sys.stdout) if sys.stdout else _nothing("w")
    sys.stderr = _lasting(sys.stderr) if sys.stderr else _nothing("w")


def _take_closed_numbers() -> None:
    """Open what is closed of 0, 1 and 2: the first file to be opened would take its number and get its output."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


def _nothing(mode: str) -> TextIO:
    return cast(TextIO, open(os.devnull, mode, encoding="utf-8", errors=ERRORS))  # noqa: PTH123


class _LastingFile(io.FileIO):
    """A file that takes more when its reader has left: a command ends as it would have, with its own exit code."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except (BrokenPipeError, ConnectionResetError):
            lead_nowhere(self.fileno())
            return memoryview(data).nbytes  # type: ignore[arg-type]


def lead_nowhere(number: int) -> None:
    """Send what is still written to a file's number to /dev/null."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)


def _lasting(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_LastingFile(stream.fileno(), "w", closefd=False)),
        stream.encoding,
        ERRORS,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """The handler of characters that an encoding lacks: the byte of a file's name, a spelling in ASCII, or `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00]), error.start + 1
    plain = _PLAIN.get(character)
    if plain is None:
        import unicodedata

        plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"
    return plain, error.start + 1
