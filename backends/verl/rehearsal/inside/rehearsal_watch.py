"""What a call of the user's code does beside its answer: told before it begins; what it leaves behind, afterwards."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from rehearsal_pipe import MESSAGE, Pipe, text_of

GRACE_SECONDS = 0.05
"""How long a thread may take to end behind its tool."""
MOST_ALTERED = 8
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP)


class Watch:
    """Tells of every call of the user's code, of what it changes for others, and of what it leaves behind."""

    def __init__(self, pipe: Pipe, ts_call: Any) -> None:
        self.pipe, self.ts_call = pipe, ts_call
        self.call = ts_call.call
        self.number = 0
        self.left: dict[Any, str] = {}
        ts_call.call = self.watched

    async def watched(self, function: Any, kwargs: dict[str, Any], seconds: float | None, door: Any) -> Any:
        name = next((name for name, one in self.ts_call._gates.items() if one is door), "?")
        self.number += 1
        number, what = self.number, _part(function, kwargs)
        before, shared = _standing(), _shared()
        self.pipe.send({"event": "call", "tool": name, "number": number, "seconds": seconds, "part": what})
        began = time.perf_counter()
        ended: dict[str, Any] = {"how": "ok"}
        try:
            result = await self.call(function, kwargs, seconds, door)
            ended["kind"] = _kind(result, what)
            return result
        except self.ts_call.Refused as error:
            ended = {"how": "hung", "message": str(error)[:MESSAGE]}
            raise
        except BaseException as error:
            how = "raised" if isinstance(error, (Exception, SystemExit)) else "escaped"
            ended = {"how": how, "kind": type(error).__name__, "message": text_of(error)}
            raise
        finally:
            took = time.perf_counter() - began
            self.left.update(dict.fromkeys(_standing() - before, name))
            now = _shared()
            altered = [what for what in {**shared, **now} if shared.get(what) != now.get(what)]
            told = {"tool": name, "number": number, "took": took, "altered": altered[:MOST_ALTERED]}
            self.pipe.send({"event": "ended", **told, **ended})

    def leaks(self) -> list[list[str]]:
        """(tool, kind, which) of threads, processes and files that the last calls left and that are still there."""
        found = []
        gc.collect()  # a file that nobody holds any more is none that was left open
        pooled = getattr(getattr(asyncio.get_running_loop(), "_default_executor", None), "_threads", ())
        for one, name in self.left.items():
            if isinstance(one, threading.Thread):
                one.join(GRACE_SECONDS)
                # Threads of a call that hangs are told as that; those of the loop's own pool are nobody's.
                if one.is_alive() and one.name != "toolspec-tool" and one not in pooled:
                    found.append([name, "thread", one.name])
            elif isinstance(one, tuple):
                if one in _files():
                    found.append([name, "file", os.path.basename(one[1])])  # noqa: PTH119
            elif _runs(one):
                found.append([name, "process", _command(one)])
        self.left = {}
        return sorted(found)


def _standing() -> set[Any]:
    return {*threading.enumerate(), *_children(), *_files()}


def _files() -> set[tuple[int, str]]:
    """(number, path) of the regular files that are open, where the system lists them."""
    found = set()
    try:
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
            try:
                path = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
            except OSError:
                continue
            if path.startswith("/") and not path.startswith(("/dev/", "/proc/")):
                found.add((int(name), path))
    except OSError:
        pass
    return found


def _shared() -> dict[str, Any]:
    """What belongs to all trajectories of a worker, by name."""
    try:
        folder = os.getcwd()  # noqa: PTH109
    except OSError:
        folder = ""
    return {
        "the working folder": folder,
        "sys.path": tuple(sys.path),
        "sys.stdout": sys.stdout,
        "sys.stderr": sys.stderr,
        "the time limit of sockets": socket.getdefaulttimeout(),
        "the recursion limit": sys.getrecursionlimit(),
        **{f"the handler of {one.name}": signal.getsignal(one) for one in HANDLED},
        **{f"the variable {name}": value for name, value in os.environ.items()},
    }


def _children() -> list[int]:
    """Processes that this one started, where the system lists them."""
    found: list[int] = []
    try:
        for task in os.listdir("/proc/self/task"):  # noqa: PTH208
            with open(f"/proc/self/task/{task}/children", encoding="ascii") as stream:  # noqa: PTH123
                found += map(int, stream.read().split())
    except (OSError, ValueError):
        pass
    return found


def _runs(process: int) -> bool:
    time.sleep(GRACE_SECONDS)
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def _command(process: int) -> str:
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
            return stream.read().strip()
    except OSError:
        return str(process)


def _part(function: Any, kwargs: dict[str, Any]) -> str:
    """Which of ts_tools' uses a call is: a function, or of a class `create`, `execute` or `release`."""
    if getattr(function, "__qualname__", "").startswith("ClassTool."):
        return "execute"
    if "instance_id" not in kwargs:
        return "function"
    return "release" if getattr(function, "__name__", "") == "release" else "create"


def _kind(result: Any, part: str) -> str:
    """The type of what the model is to read."""
    if part in ("create", "release"):
        return "str"
    if part == "execute":
        if not isinstance(result, tuple) or len(result) != 3:
            return f"a tuple of {len(result)}" if isinstance(result, tuple) else type(result).__name__
        result = result[0]
        if isinstance(result, str):
            return "str"
    if type(result).__name__ == "ToolResponse":
        if result.image or result.video:
            return "image"
        return "str" if result.text is None or isinstance(result.text, str) else type(result.text).__name__
    return "str" if isinstance(result, str) else type(result).__name__


class Notes(logging.Handler):
    """What the bundle's modules log: a tool whose release fails is told nowhere else."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__(logging.WARNING)
        self.pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        if threading.current_thread() is threading.main_thread():
            message = record.getMessage().splitlines()[0][:MESSAGE]
            self.pipe.send({"event": "log", "message": message})
