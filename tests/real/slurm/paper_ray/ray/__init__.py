"""Ray on paper, for faults in which Ray has no part: a head that counts nodes and GPUs, and nothing else of Ray.

A real one takes ten seconds of a core a node. What starts it, waits for it and ends it is the bundle's own in both.
$PAPER_RAY, JSON, makes it fail: {"exit": code} at once, {"deaf": rank}: that node never joins, {"gpus": n} a node.
"""

import json
import socket
from typing import Any, TextIO

__version__ = "0"
_head: list[TextIO] = []


def init(address: str, **options: object) -> None:
    """Connect to a head. Raises OSError."""
    host, _, port = address.rpartition(":")
    _head[:] = [socket.create_connection((host, int(port)), timeout=5).makefile("rw")]


def nodes() -> Any:
    """What the head knows of."""
    _head[0].write("nodes\n")
    _head[0].flush()
    return json.loads(_head[0].readline())
