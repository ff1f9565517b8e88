"""Runs one call of a tool's code without blocking the event loop, within its time and its number at once.

A plain function runs in a daemon thread of its own (a pool's threads are joined at exit, so one hung tool
would keep the worker alive). Python cannot stop a thread: after its time the model reads an error and the
thread is left behind. When LEFT_BEHIND threads of one tool are still running, further calls are refused until
some end.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

LEFT_BEHIND = 64
AT_ONCE = 256
LONGEST_ERROR = 500


class Refused(Exception):
    """The call did not happen or did not end; the text is for the model."""


def error_text(error: BaseException) -> str:
    """`Error: <Type>: <first line of the message>`, at most 500 characters."""
    if isinstance(error, Refused):
        return f"Error: {error}"[:LONGEST_ERROR]
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    message = f": {lines[0]}" if lines else ""
    return clean(f"Error: {type(error).__name__}{message}"[:LONGEST_ERROR])


def clean(text: str) -> str:
    """Text that a tokenizer takes: lone surrogates (a tool's undecodable bytes) become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def result_text(result: Any) -> str:
    """What the model reads: text as it is, None as "", mappings and lists as JSON, else what `str` gives."""
    if result is None:
        return ""
    if isinstance(result, str):
        return clean(str(result))
    if isinstance(result, dict | list | tuple):
        try:
            return clean(json.dumps(result, ensure_ascii=False, default=str))
        except (TypeError, ValueError, RecursionError):
            return clean(str(result))
    return clean(str(result))


class Gate:
    """How many calls of a tool may be under way in this process, and the hung threads it left behind."""

    def __init__(self, at_once: int | None) -> None:
        self.at_once = at_once or AT_ONCE
        self.left: set[threading.Thread] = set()
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def places(self) -> asyncio.Semaphore:
        """The semaphore of the running loop: one belongs to one loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._waiting:
            self._waiting[loop] = asyncio.Semaphore(self.at_once)
        return self._waiting[loop]

    def hung(self) -> int:
        self.left = {thread for thread in self.left if thread.is_alive()}
        return len(self.left)


_gates: dict[str, Gate] = {}


def gate(key: str, at_once: int | None) -> Gate:
    """One gate a tool and process: verl 0.7.1 builds its tools anew for every trajectory."""
    if key not in _gates:
        _gates[key] = Gate(at_once)
    return _gates[key]


async def _in_thread(function: Callable[[], Any], seconds: float | None, door: Gate) -> Any:
    if door.hung() >= LEFT_BEHIND:
        raise Refused(f"the tool is stuck: {LEFT_BEHIND} earlier calls have not ended")
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[bool, Any]] = loop.create_future()
    context = contextvars.copy_context()

    def settle(outcome: tuple[bool, Any]) -> None:
        if not done.done():
            done.set_result(outcome)

    def work() -> None:
        try:
            outcome = (True, context.run(function))
        except BaseException as error:  # SystemExit in a tool must not end the worker
            outcome = (False, error)
        try:
            loop.call_soon_threadsafe(settle, outcome)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    thread = threading.Thread(target=work, name="toolspec-tool", daemon=True)
    thread.start()
    finished, _ = await asyncio.wait({done}, timeout=seconds)
    if not finished:
        door.left.add(thread)
        raise Refused(f"the tool did not answer within {seconds:g} seconds")
    ok, value = done.result()
    if not ok:
        raise value
    return value


async def in_task(awaitable: Awaitable[Any], seconds: float | None) -> Any:
    """What it is worth, awaited in a task of its own, so that it can cancel nothing but itself. Raises as `call`."""

    async def settled() -> tuple[bool, Any]:
        try:
            return True, await awaitable
        except SystemExit as error:  # out of a task it would end the worker's loop
            return False, error

    task = asyncio.ensure_future(settled())
    try:
        finished, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not finished:
        task.cancel()
        raise Refused(f"the tool did not answer within {seconds:g} seconds")
    if task.cancelled():
        raise Refused("the tool cancelled itself")
    ok, value = task.result()
    if not ok:
        raise value
    return value


async def call(
    function: Callable[..., Any], kwargs: dict[str, Any], seconds: float | None, door: Gate
) -> Any:
    """The function's result. Raises what the function raises, or `Refused` with a text for the model.

    `seconds` counts from the start of the call, not from the wait for a place.
    """
    async with door.places():
        if inspect.iscoroutinefunction(function):
            return await in_task(function(**kwargs), seconds)
        result = await _in_thread(lambda: function(**kwargs), seconds, door)
        if inspect.isawaitable(result):  # a callable object or partial around an async function
            return await in_task(result, seconds)
        return result
