"""The process in which templates are rendered and texts are counted: requests on standard input, answers on the output.

One line of JSON each. It ends by a signal of the kernel's where a request takes more CPU time than limits.py gives, and
what needs more memory raises MemoryError; renderer.py starts it and says what became of it.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Any

from toolspec.compiler.chat.limits import (
    LOADING_MEMORY,
    LOADING_SECONDS,
    MEMORY,
    ROOM,
    seconds,
)

# As much of a message of a template's own as anybody reads.
_LONGEST_MESSAGE = 400


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who started it sees to that
    sys.setrecursionlimit(1000)
    _memory(MEMORY)
    work = _Work()
    for line in sys.stdin.buffer:
        _alarm(seconds(len(line)))
        try:
            answer = work.answer(json.loads(line))
        except BaseException as error:
            answer = _failure(error)
        _alarm(0)
        sys.stdout.write(json.dumps(answer))
        sys.stdout.write("\n")
        sys.stdout.flush()


class _Work:
    def __init__(self) -> None:
        self.encoder: Any = None
        self.template = ""
        self.byte_level = False
        self.idle = 0  # bytes of address space with a tokenizer, before anything was asked of it

    def answer(self, request: Mapping[str, Any]) -> Any:
        if request["do"] == "template":
            self.template = request["template"]
            return None
        if request["do"] == "tokenizer":
            return self._load(request)
        if request["do"] == "names":
            from toolspec.compiler.chat.environment import names_of

            return names_of(self.template)
        if request["do"] == "token_ids":
            return [self.encoder.token_id(text) for text in request["texts"]]
        if request["do"] == "encode":
            return [self.encoder.ids(text) for text in request["texts"]]
        if request["do"] == "offsets":
            return [self.encoder.offsets(text) for text in request["texts"]]
        if request["do"] == "sizes":
            # Half of a surrogate pair is as long as the character that stands for what is none.
            return self.encoder.counts(
                [text.encode("utf-8", "replace").decode() for text in request["texts"]]
            )
        if request["do"] == "bytes_a_character":
            return self.encoder.bytes_a_character
        if request["do"] == "decode":
            return [self.encoder.decode(ids, request["skip_special_tokens"]) for ids in request["ids"]]
        return self._rows(request)

    def _load(self, request: Mapping[str, Any]) -> None:
        _alarm(LOADING_SECONDS)
        _memory(LOADING_MEMORY)
        try:
            if request["bytes_only"]:
                from toolspec.compiler.chat.tokenizer_file import is_byte_level

                with open(request["file"], encoding="utf-8") as stream:  # noqa: PTH123
                    self.byte_level = is_byte_level(json.load(stream))
                return
            from toolspec.compiler.chat.encoder import Encoder

            with open(request["file"], encoding="utf-8") as stream:  # noqa: PTH123
                self.encoder = Encoder(stream.read(), request["listed"], request["special"], request["parts"])
        finally:
            self.idle = _taken()
            _memory(self.idle + ROOM)

    def _rows(self, request: Mapping[str, Any]) -> list[Any]:
        """For each list of messages its text, ids, number of ids or bytes; a mapping for one that cannot be had."""
        from toolspec.compiler.chat.environment import render

        tools, generation, variables = request["tools"], request["generation"], request["variables"]
        found: list[Any] = []
        _memory(self.idle + MEMORY)
        for messages in request["rows"]:
            try:
                found.append(render(self.template, messages, tools, generation, variables))
            except Exception as error:
                found.append(_failure(error))
        _memory(self.idle + ROOM if self.idle else MEMORY)
        if request["do"] == "render":
            return found
        found = [_text(one) if isinstance(one, str) else one for one in found]
        texts = [one for one in found if isinstance(one, str)]
        if request["do"] == "ids":
            made: list[Any] = [self.encoder.ids(text) for text in texts]
        elif request["do"] == "counts":
            made = self.encoder.counts(texts)
        else:
            from toolspec.compiler.chat.tokenizer_file import bytes_of

            made = [bytes_of(text) if self.byte_level else None for text in texts]
        values = iter(made)
        return [next(values) if isinstance(one, str) else one for one in found]


def _text(text: str) -> str | dict[str, Any]:
    """The text, or why it has no ids: half of a surrogate pair, which no tokenizer takes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return _failure(
            ValueError(f"half of a surrogate pair (U+{ord(text[error.start]):04X}) has no tokens")
        )
    return text


def _failure(error: BaseException) -> dict[str, Any]:
    """What is said of an error, in words that JSON and a terminal can carry."""
    try:
        message = str(error)
    except Exception:
        message = ""
    line = getattr(error, "lineno", None)
    return {
        "failure": type(error).__name__,
        "message": "".join(
            one if one.isprintable() else one.encode("unicode_escape").decode()
            for one in message[:_LONGEST_MESSAGE]
        ),
        "line": line if isinstance(line, int) else 0,
    }


def _alarm(limit: float) -> None:
    """SIGPROF, which ends the process wherever it is, after so many seconds of CPU time; 0 for never."""
    signal.setitimer(signal.ITIMER_PROF, limit)


def _memory(limit: int) -> None:
    """At most so many bytes of address space, where the system has such a limit."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        limit = min(limit, most)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    except (OSError, ValueError):  # macOS has the name and not the limit
        return


def _taken() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as stream:  # noqa: PTH123
            return int(stream.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return LOADING_MEMORY - ROOM
