"""Whether two answers are equal as mathematics: the package math-verify, in a process of its own.

sympy can take for ever, or all memory, on what a policy writes, and math-verify's own time limit is an alarm signal,
which works in a main thread only. So one child a process compares, one question a line, under a limit of memory; a
question that takes longer than SECONDS ends the child, and is answered with no.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

SECONDS = 5.0
START_SECONDS = 60.0  # the first import of sympy from a slow disk
MEMORY = 4 << 30
LONGEST = 4000  # characters of an answer, from its end: mathematics is at the end, and parsing is not linear


class Judge:
    """Raises ImportError without math-verify."""

    def __init__(self) -> None:
        if importlib.util.find_spec("math_verify") is None:
            raise ImportError("`match: math` needs the package math-verify: pip install math-verify")

    async def agree(self, answer: str, truths: tuple[Any, ...]) -> bool:
        """Whether the answer equals one of the accepted ones; an answer without mathematics equals none."""
        if not answer.strip():
            return False
        asked = json.dumps([answer[-LONGEST:], [str(truth) for truth in truths]])
        return await asyncio.to_thread(_child.ask, asked)


class _Child:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, line: str) -> bool:
        with self.lock:
            process = self._running()
            timer = threading.Timer(SECONDS, process.kill)
            timer.start()
            try:
                assert process.stdin is not None and process.stdout is not None
                process.stdin.write(line.encode() + b"\n")
                process.stdin.flush()
                told = process.stdout.readline()
            except OSError:
                told = b""
            finally:
                timer.cancel()
            if not told:
                self._end(process)
            return told == b"1\n"

    def _running(self) -> subprocess.Popen[bytes]:
        """The child, started and ready. Raises RuntimeError where it does not come up."""
        if self.process is not None:
            return self.process
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        timer = threading.Timer(START_SECONDS, self.process.kill)
        timer.start()
        assert self.process.stdout is not None
        ready = self.process.stdout.readline() == b"ready\n"
        timer.cancel()
        if not ready:
            self._end(self.process)
            raise RuntimeError("math-verify could not be started in a process of its own")
        return self.process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        self.process = None


_child = _Child()


def _serve() -> None:
    import resource

    from math_verify import parse, verify

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    out = sys.stdout.buffer
    out.write(b"ready\n")
    out.flush()
    for line in sys.stdin:
        answer, truths = json.loads(line)
        try:
            found = parse(answer, parsing_timeout=None)
            right = bool(found) and any(
                verify(parse(shown(truth), parsing_timeout=None), found, timeout_seconds=None)
                for truth in truths
            )
        except (Exception, MemoryError):
            right = False
        out.write(b"1\n" if right else b"0\n")
        out.flush()


def shown(truth: str) -> str:
    r"""An accepted answer as math-verify reads one: LaTeX is looked for between dollars, or in \boxed{}."""
    return truth if "$" in truth or "\\boxed" in truth else f"${truth}$"


if __name__ == "__main__":
    _serve()
