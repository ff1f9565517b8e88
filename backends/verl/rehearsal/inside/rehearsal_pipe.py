"""What every process of a rehearsal speaks: one line of JSON a message, on two pipes; and the limits it is held to.

The modules of this folder have names of their own: a file of the user's is imported by its name.
"""

from __future__ import annotations

import json
import os
import resource
from typing import Any

MESSAGE = 400
"""Characters of an exception's message."""


class Failure(Exception):
    """What was asked for failed where it is worked out. The message is the class of its exception."""


class Pipe:
    def __init__(self, requests: int, answers: int) -> None:
        for number in (requests, answers):
            os.set_inheritable(number, False)
        self.requests = os.fdopen(requests, "rb")
        self.answers = os.fdopen(answers, "wb")

    def send(self, message: dict[str, Any]) -> None:
        self.answers.write(json.dumps(message, default=str).encode("ascii") + b"\n")
        self.answers.flush()

    def receive(self) -> dict[str, Any]:
        line = self.requests.readline()
        if not line:
            os._exit(0)  # nobody asks any more; threads of tools must not keep the process
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, what: str, **more: Any) -> Any:
        self.send({"ask": what, **more})
        found = self.receive()
        if "failure" in found:
            raise Failure(found["failure"])
        return found["answer"]


def text_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = ""
    return text[:MESSAGE].encode("utf-8", "replace").decode("utf-8")


def hold_to(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        kind = getattr(resource, name)
        _, most = resource.getrlimit(kind)
        wanted = value if most == resource.RLIM_INFINITY else min(value, most)
        try:
            resource.setrlimit(kind, (wanted, most))
        except (OSError, ValueError):  # macOS has the name and not the limit
            continue


def die_with_the_parent() -> None:
    try:
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    except (OSError, AttributeError):
        return
