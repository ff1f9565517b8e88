"""What a call of the user's code does beside its answer: told before it begins; what it leaves behind, afterwards."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

import stand_in
from rehearsal_pipe import MESSAGE, Pipe, text_of

GRACE_SECONDS = 0.05
"""How long a thread may take to end behind its tool."""


class Watch:
    """Tells of every call of the user's code, and of what it leaves behind."""

    def __init__(self, pipe: Pipe, ts_call: Any) -> None:
        self.pipe, self.ts_call = pipe, ts_call
        self.call = ts_call.call
        self.number = 0
        self.left: dict[Any, str] = {}
        self.told: set[Any] = set()
        ts_call.call = self.watched

    async def watched(self, function: Any, kwargs: dict[str, Any], seconds: float | None, door: Any) -> Any:
        name = next((name for name, one in self.ts_call._gates.items() if one is door), "?")
        self.number += 1
        number, what = self.number, _part(function, kwargs)
        before = self._standing()
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
            ended = {"how": "raised", "kind": type(error).__name__, "message": text_of(error)}
            raise
        finally:
            self.left.update(dict.fromkeys(self._standing() - before, name))
            took = time.perf_counter() - began
            self.pipe.send({"event": "ended", "tool": name, "number": number, "took": took, **ended})

    def leaks(self) -> list[list[str]]:
        """(tool, what) of threads and processes that the last calls left behind and that still run."""
        found = []
        for one, name in self.left.items():
            if isinstance(one, threading.Thread):
                one.join(GRACE_SECONDS)
                if one.is_alive() and one.name != "toolspec-tool":  # those have a hung call of their own
                    found.append([name, f"thread {one.name}"])
            elif _runs(one):
                found.append([name, f"process {_command(one)}"])
        self.left = {}
        return found

    def _standing(self) -> set[Any]:
        return {*threading.enumerate(), *_children()}


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
    """Which of ts_tools' uses a call is: a function, or of a class `create` or `execute`."""
    if getattr(function, "__qualname__", "").startswith("ClassTool."):
        return "execute"
    return "create" if "instance_id" in kwargs else "function"


def _kind(result: Any, part: str) -> str:
    """The type of what the model is to read."""
    if part == "create":
        return "str"
    if part == "execute":
        if not (isinstance(result, tuple) and result):
            return type(result).__name__
        result = result[0]
    text = getattr(result, "text", result) if isinstance(result, stand_in.ToolResponse) else result
    if isinstance(result, stand_in.ToolResponse) and (result.image or result.video):  # type: ignore[attr-defined]
        return "image"
    return "str" if isinstance(text, str) else type(text).__name__


class Notes(logging.Handler):
    """What the bundle's modules log: a tool whose release fails is told nowhere else."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__(logging.WARNING)
        self.pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        if threading.current_thread() is threading.main_thread():
            message = record.getMessage().splitlines()[0][:MESSAGE]
            self.pipe.send({"event": "log", "message": message})
