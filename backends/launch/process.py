"""Processes of this machine, told from others that got their number later."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

NONCE = "TOOLSPEC_NONCE"
"""The variable that every process of a submission has."""

Life = Literal["alive", "left", "gone", "restarted", "elsewhere", "unknown"]
"""left: gone, but others of its submission live. restarted: gone, since the machine was restarted. elsewhere: a process
of another host."""

_PROC = Path("/proc")
_MOST_BYTES = 1 << 20


def boot_id() -> str:
    """Of this boot of this machine; "" where the kernel does not tell."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def started(pid: int) -> int | None:
    """When a process began, in clock ticks after boot (field 22 of its stat); None where there is none, or it has
    ended."""
    fields = _fields(pid)
    return None if fields is None or fields[0] in ("Z", "X") else int(fields[19])


def parent(pid: int) -> int | None:
    """The process that started it; None where there is no such process."""
    fields = _fields(pid)
    return None if fields is None else int(fields[1])


def _fields(pid: int) -> list[str] | None:
    """Fields 3 and following of /proc/PID/stat. The second is a name in brackets, with anything in it."""
    try:
        data = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = data.rpartition(b")")[2].decode("ascii", "replace").split()
    return fields if len(fields) > 19 else None


def life(pid: int, began: int | None, boot: str | None, host: str | None, here: str) -> Life:
    """Whether a process lives: the one with this id that began then, on that boot of that host.

    here: this machine's name. A boot id says more than a name: it decides where it is known.
    """
    ours = boot_id()
    if boot and ours and boot != ours:
        return "restarted" if host == here else "elsewhere"
    if host and host != here and not (boot and boot == ours):
        return "elsewhere"
    now = started(pid)
    if now is not None:
        return "alive" if began is None or now == began else "gone"
    if _fields(pid) is None and _hidden(pid):
        return "unknown"
    return "gone"


def _hidden(pid: int) -> bool:
    """Whether there is such a process though /proc does not show it (hidepid)."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def user() -> str:
    """The name of who runs this, or the number where there is no name (a container)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def all_pids() -> list[int]:
    """Every process that /proc shows."""
    try:
        return [int(name) for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208
    except OSError:
        return []


def with_variable(name: str, value: str) -> Iterator[tuple[int, int]]:
    """(pid, start) of every process that was started with the environment variable `name` set to `value`.

    Of other users' processes the environment cannot be read, and they are left out.
    """
    for pid, found in _with_any(name):
        if found == value and (began := started(pid)) is not None:
            yield pid, began


def values(name: str) -> set[str]:
    """What `name` is set to, over all processes that live."""
    return {value for pid, value in _with_any(name) if started(pid) is not None}


def _with_any(name: str) -> Iterator[tuple[int, str]]:
    begin = f"{name}=".encode()
    for pid in all_pids():
        try:
            with (_PROC / str(pid) / "environ").open("rb") as stream:
                variables = stream.read(_MOST_BYTES).split(b"\0")
        except OSError:
            continue
        for each in variables:
            if each.startswith(begin):
                yield pid, each[len(begin) :].decode("utf-8", "replace")


def descendants(pids: Iterable[int]) -> set[tuple[int, int]]:
    """(pid, start) of the children of processes, their children and so on, those that live."""
    children: dict[int, list[int]] = {}
    for each in all_pids():
        above = parent(each)
        if above is not None:
            children.setdefault(above, []).append(each)
    met: set[int] = set()
    waiting = [child for pid in pids for child in children.get(pid, ())]
    while waiting:
        each = waiting.pop()
        if each not in met:
            met.add(each)
            waiting += children.get(each, ())
    return {(each, began) for each in met if (began := started(each)) is not None}
