"""A process of worker.py, from the side of the one who asks: answers, or in words why there is none."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

from toolspec.compiler.chat.folder import ChatFolder
from toolspec.compiler.chat.limits import LOADING_SECONDS, MEMORY, WALL, seconds

_START = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from toolspec.compiler.chat.worker import main
main()
"""
_ENDED: Mapping[int, str] = {
    signal.SIGPROF: "it takes more than {seconds:.1f} s of CPU time",
    signal.SIGSEGV: "it is nested too deep",
    signal.SIGKILL: "it was killed, as for want of memory",
    signal.SIGABRT: f"it needs more than {MEMORY >> 20} MiB of memory",
}
_KINDS: Mapping[str, str] = {
    "MemoryError": f"it needs more than {MEMORY >> 20} MiB of memory",
    "RecursionError": "it is nested too deep, or calls itself without end",
}
READ = 1 << 16


class ChatError(Exception):
    """Why there is no answer, as a clause about the template or the tokenizer. limit: one of limits.py was met."""

    def __init__(self, reason: str, limit: bool = False) -> None:
        super().__init__(reason)
        self.limit = limit


class Failure(NamedTuple):
    """A conversation that cannot be rendered. kind: of exception. line: of the template, 0 for unknown."""

    kind: str
    message: str
    line: int = 0

    @property
    def reason(self) -> str:
        said = f"{self.kind}: {self.message}" if self.message else self.kind
        place = f" (line {self.line} of the template)" if self.line else ""
        return _KINDS.get(self.kind) or said + place

    @property
    def limit(self) -> bool:
        return self.kind in _KINDS or self.kind == "TooLongError"


def encoded(value: Any) -> bytes:
    """A part of a request as JSON. Raises ChatError for what is no plain data."""
    try:
        return json.dumps(value).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise ChatError(f"the conversation is no plain data: {error}") from None


class ChatProcess:
    """Renders, encodes and counts in a process of its own, as a context manager.

    Every method raises ChatError where the process does not answer within its limits; it is of no more use then.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def __enter__(self) -> ChatProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def template(self, text: str) -> None:
        """The template of all that is rendered from here on."""
        self.ask({"do": "template", "template": text})

    def tokenizer(self, folder: ChatFolder, bytes_only: bool = False) -> None:
        """The tokenizer that texts are encoded with. bytes_only: only its set-up is looked at, for `bytes`.

        Raises ChatError for a folder without tokenizer.json, and where its ids cannot be had.
        """
        self.send_tokenizer(folder, bytes_only)
        self.receive_nothing()

    def send_tokenizer(self, folder: ChatFolder, bytes_only: bool = False) -> None:
        """The first half of `tokenizer`, so that several processes can read it at the same time."""
        if folder.tokenizer is None:
            raise ChatError("there is no tokenizer.json")
        if folder.unknown:
            raise ChatError(folder.unknown)
        request = {
            "do": "tokenizer",
            "file": str(folder.tokenizer),
            "listed": folder.added.listed,
            "special": folder.added.special,
            "parts": folder.kind.parts,
            "bytes_only": bytes_only,
        }
        self._send(encoded(request), LOADING_SECONDS)

    def receive_nothing(self) -> None:
        """The second half of what has no answer."""
        self._receive()

    def rows(
        self,
        what: str,
        rows: Sequence[Sequence[Mapping[str, Any]]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        generation: bool = True,
        variables: Mapping[str, Any] | None = None,
    ) -> list[Any]:
        """For each conversation its text (`render`), ids (`ids`), number of ids (`counts`) or a bound of it (`bytes`).

        A Failure for one that the template refuses; None for one whose bytes say nothing.
        """
        self.send(what, rows, tools, generation, variables)
        return self.receive()

    def send(
        self,
        what: str,
        rows: Sequence[Sequence[Mapping[str, Any]]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        generation: bool = True,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        """The first half of `rows`, so that several processes can work at the same time."""
        request = {
            "do": what,
            "rows": rows,
            "tools": tools,
            "generation": generation,
            "variables": dict(variables or {}),
        }
        self._send(encoded(request))

    def send_encoded(self, request: bytes) -> None:
        """The same of a request that is JSON already."""
        self._send(request)

    def receive(self) -> list[Any]:
        """The second half of `rows`."""
        answer = self._receive()
        return [
            Failure(one["failure"], one["message"], one["line"]) if isinstance(one, dict) else one
            for one in answer
        ]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        found: list[list[int]] = self.ask({"do": "encode", "texts": list(texts)})
        return found

    def offsets(self, texts: Sequence[str]) -> list[list[list[int]]]:
        """For each text where its tokens stand in it: first character, and the one behind the last."""
        found: list[list[list[int]]] = self.ask({"do": "offsets", "texts": list(texts)})
        return found

    def sizes(self, texts: Sequence[str]) -> list[int]:
        """How many ids each text has."""
        found: list[int] = self.ask({"do": "sizes", "texts": list(texts)})
        return found

    def bytes_a_character(self) -> int:
        """Tokens that a character of any text can be at most; 0 where the tokenizer's file does not tell."""
        found: int = self.ask({"do": "bytes_a_character"})
        return found

    def decode(self, ids: Sequence[Sequence[int]], skip_special_tokens: bool = False) -> list[str]:
        request = {
            "do": "decode",
            "ids": [list(one) for one in ids],
            "skip_special_tokens": skip_special_tokens,
        }
        found: list[str] = self.ask(request)
        return found

    def names(self) -> list[str]:
        """Names that the template reads and does not set."""
        found: list[str] = self.ask({"do": "names"})
        return found

    def token_ids(self, texts: Sequence[str]) -> list[int | None]:
        """The id of each text that is a token as it stands, None of one that is none."""
        found: list[int | None] = self.ask({"do": "token_ids", "texts": list(texts)})
        return found

    def ask(self, request: Mapping[str, Any], extra: float = 0) -> Any:
        self._send(encoded(request), extra)
        return self._receive()

    def _send(self, request: bytes, extra: float = 0) -> None:
        data = request + b"\n"
        self._seconds = seconds(len(data)) + extra
        process = self._started()
        try:
            assert process.stdin is not None
            process.stdin.write(data)
            process.stdin.flush()
        except OSError:
            raise self._ended() from None

    def _receive(self) -> Any:
        process = self._process
        if process is None or process.stdout is None:
            raise ChatError("the process that renders has ended")
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            parts = [self._rest]
            while b"\n" not in parts[-1]:
                if not selector.select(self._seconds + WALL):
                    process.kill()
                    raise self._ended(f"it takes more than {self._seconds + WALL:.0f} s")
                part = os.read(process.stdout.fileno(), READ)
                if not part:
                    raise self._ended()
                parts.append(part)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        answer = json.loads(line)
        if isinstance(answer, dict) and "failure" in answer:
            failure = Failure(answer["failure"], answer["message"], answer["line"])
            raise ChatError(failure.reason, failure.limit)
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            command = [sys.executable, "-I", "-c", _START, json.dumps(sys.path)]
            # One thread: whoever wants more speed starts more processes.
            surroundings = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=surroundings,
            )
        return self._process

    def _ended(self, reason: str = "") -> ChatError:
        process, self._process = self._process, None
        if process is None:
            return ChatError("the process that renders has ended")
        process.communicate()
        code = process.returncode
        said = reason or _ENDED.get(-code, "the process that renders it ended with code {code}")
        return ChatError(said.format(seconds=self._seconds, code=code), limit=True)
