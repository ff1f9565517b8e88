"""The elements of a file's JSON array, one at a time: memory is that of the longest, not of the file."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from typing import IO, Any

from toolspec.compiler.facts.row_files import MAX_ROW_BYTES

_BLANK = " \t\r\n"
_BLOCK = 1 << 18
_ENDLESS = "the array does not end"


def starts_like_an_array(stream: IO[bytes]) -> bool:
    """Whether the first character is `[` (an empty file counts as an array). The stream is rewound."""
    head = b""
    while not head:
        block = stream.read(1 << 16)
        head = block.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK.encode())
        if not block:
            head = b"["
    stream.seek(0)
    return head.startswith(b"[")


class _Text:
    """The text of a stream as far as it is read and not yet used."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._decode = stream, codecs.getincrementaldecoder("utf-8-sig")()
        self.left, self.at, self.ended = "", 0, False

    def more(self) -> bool:
        """At least doubles what is at hand, so that decoding anew stays linear. False at the end."""
        if self.ended:
            return False
        block = self._stream.read(max(_BLOCK, len(self.left) - self.at))
        self.ended = not block
        self.left = self.left[self.at :] + self._decode.decode(block, final=self.ended)
        self.at = 0
        return True

    def peek(self) -> str:
        """The next character that is not blank, "" at the end."""
        while True:
            while self.at < len(self.left) and self.left[self.at] in _BLANK:
                self.at += 1
            if self.at < len(self.left):
                return self.left[self.at]
            if not self.more():
                return ""


def elements(stream: IO[bytes], constant: Callable[[str], Any]) -> Iterator[Any]:
    """The elements of the array in the stream; nothing for an empty file. `constant` gets NaN and Infinity.

    Raises ValueError (what is wrong, after the elements before it), UnicodeDecodeError, RecursionError.
    """
    text, decoder = _Text(stream), json.JSONDecoder(parse_constant=constant)
    if not text.peek():
        return
    text.at += 1
    if text.peek() == "]":
        text.at += 1
    else:
        while True:
            if (start := text.peek()) != "{":
                raise ValueError(f"a row starts with {start!r}, not with '{{'" if start else _ENDLESS)
            yield _element(text, decoder)
            after = text.peek()
            text.at += 1
            if after == "]":
                break
            if after != ",":
                raise ValueError(f"a comma is missing before {after!r}" if after else _ENDLESS)
    if text.peek():
        raise ValueError("something follows the end of the array")


def _element(text: _Text, decoder: json.JSONDecoder) -> Any:
    while True:
        try:
            value, end = decoder.raw_decode(text.left, text.at)
        except json.JSONDecodeError as error:
            if len(text.left) - text.at > MAX_ROW_BYTES:
                raise ValueError(f"no row ends within {MAX_ROW_BYTES:,} characters") from None
            if not text.more():
                raise ValueError(f"{error.msg} at character {error.pos - text.at + 1} of the row") from None
            continue
        text.at = end
        return value
