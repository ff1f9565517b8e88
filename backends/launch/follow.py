"""The bytes of a log as they are written, through truncation, replacement and a file that is not there yet."""

from __future__ import annotations

import os
from pathlib import Path

from toolspec.specs.named_file import UnreadableError, open_regular

CHUNK_BYTES = 1 << 20
LONGEST_LINE = 64 << 10
"""Beyond it a line is given in pieces: a file without line breaks must not be held in memory."""


class Tail:
    """Reads on where it stopped. `lines` gives whole lines; what is left of one comes with `rest`."""

    def __init__(self, file: Path, at: int = 0) -> None:
        """at: the byte to begin at."""
        self.file = file
        self._at = at
        self._begun = b""
        self._inode: int | None = None

    def lines(self) -> tuple[list[bytes], str]:
        """(lines without their breaks, what happened to the file, or ""), at most 1 MiB of them; ([], "") where there
        is nothing new, or no file (yet)."""
        try:
            with open_regular(self.file) as stream:
                status = os.fstat(stream.fileno())
                event = self._changed(status.st_ino, status.st_size)
                stream.seek(self._at)
                data = stream.read(CHUNK_BYTES)
        except (UnreadableError, OSError):
            return [], ""
        self._at += len(data)
        *whole, self._begun = (self._begun + data).split(b"\n")
        if len(self._begun) > LONGEST_LINE:
            whole.append(self._begun)
            self._begun = b""
        return whole, event

    def _changed(self, inode: int, size: int) -> str:
        replaced = self._inode is not None and inode != self._inode
        self._inode = inode
        if replaced or size < self._at:
            self._at, self._begun = 0, b""
            return "replaced" if replaced else "cut"
        return ""

    def rest(self) -> bytes:
        """The last line, which has no break."""
        rest, self._begun = self._begun, b""
        return rest


def begin_of_last(file: Path, lines: int) -> int:
    """The byte at which the last `lines` lines begin, reading from the end; 0 for a file that has fewer, or none."""
    try:
        with open_regular(file) as stream:
            at = stream.seek(0, os.SEEK_END)
            if lines == 0:
                return at
            wanted = lines
            end = at
            while at > 0:
                begin = max(0, at - CHUNK_BYTES)
                stream.seek(begin)
                data = stream.read(at - begin)
                if at == end and data.endswith(b"\n"):
                    wanted += 1  # the break of the last line begins no other
                cut = len(data)
                while wanted and (cut := data.rfind(b"\n", 0, cut)) >= 0:
                    wanted -= 1
                    if not wanted:
                        return begin + cut + 1
                at = begin
    except (UnreadableError, OSError):
        pass
    return 0
