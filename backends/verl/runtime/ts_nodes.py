"""What the nodes of an attempt tell each other: small files in its folder, which all of them share.

head.json         the head's address               node-RANK.json     a task has begun there, and what it has
up                all nodes have joined            lost-RANK.json     Ray ended there
code              the job's exit code, for all     memory-RANK.json   the kernel killed there for want of memory
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import Any

import ts_attempt
import ts_event
import ts_machine

UP = "up"


def tell(attempt: ts_attempt.Attempt, what: str, **fields: Any) -> None:
    """`WHAT-RANK.json` of this node. A failure to write is not raised: the others then wait for their limits."""
    told = {"rank": attempt.rank, "host": socket.gethostname(), **fields}
    with contextlib.suppress(OSError):
        ts_event.place(attempt.folder / f"{what}-{attempt.rank}.json", json.dumps(told))


def tell_begun(attempt: ts_attempt.Attempt) -> None:
    tell(attempt, "node", gpus=ts_machine.gpus())


def told(attempt: ts_attempt.Attempt, what: str) -> list[dict[str, Any]]:
    """What each node has told, by rank. Files that cannot be read (yet) are left out."""
    found = []
    for file in attempt.folder.glob(f"{what}-*.json"):
        try:
            one = json.loads(file.read_text("utf-8"))
            found.append({**one, "rank": int(one["rank"]), "host": str(one["host"])})
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return sorted(found, key=lambda one: int(one["rank"]))


def lost(attempt: ts_attempt.Attempt) -> str:
    """What a node says whose Ray ended or could not begin, or ""."""
    return next(
        (f"{one['host']} (rank {one['rank']}): {one.get('why')}" for one in told(attempt, "lost")), ""
    )


def short_of_memory(attempt: ts_attempt.Attempt) -> str:
    """The host of another node on which the kernel killed for want of memory, or ""."""
    return next((str(one["host"]) for one in told(attempt, "memory")), "")


def head_address(attempt: ts_attempt.Attempt) -> str:
    """The head's `IP:PORT`; "" as long as it is not there."""
    try:
        return str(json.loads((attempt.folder / "head.json").read_text("utf-8"))["address"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def job_code(attempt: ts_attempt.Attempt) -> int | None:
    """The exit code that rank 0 has left for all; None while the job goes on."""
    try:
        return int((attempt.folder / "code").read_text("utf-8"))
    except (OSError, ValueError):
        return None


def code_soon(attempt: ts_attempt.Attempt, otherwise: int, seconds: float = 10.0) -> int:
    """The same, waited for a moment, in which a shared file system may show it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (code := job_code(attempt)) is not None:
            return code
        time.sleep(0.2)
    return otherwise


def last_words(attempt: ts_attempt.Attempt, rank: int) -> str:
    """The last line of a node's Ray log."""
    try:
        lines = (attempt.folder / f"ray-{rank}.log").read_text("utf-8", "replace").split("\n")
    except OSError:
        return "it wrote no log"
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "its log is empty")
