"""Waits until all nodes of a job's Ray are there with their GPUs, and says what is missing where they are not."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping

import ts_attempt
import ts_nodes
import ts_process
from ts_address import ClusterError, Stopped

# Connects, then tells every change in nodes and GPUs. It ends with the pipe that it writes to.
PROBE = """
import sys, time
import ray
while True:
    try:
        ray.init(address=sys.argv[1], logging_level="CRITICAL", log_to_driver=False)
        break
    except Exception as error:
        print("wait", type(error).__name__, flush=True)
        time.sleep(0.5)
before = None
while True:
    alive = [node for node in ray.nodes() if node["Alive"]]
    now = (int(sum(n["Resources"].get("GPU", 0) for n in alive)), sorted(n["NodeManagerHostname"] for n in alive))
    if now != before:
        print("have", now[0], *now[1], flush=True)
        before = now
    time.sleep(0.3)
"""


def wait_for_all(
    ray: ts_process.Process,
    address: str,
    environment: Mapping[str, str],
    attempt: ts_attempt.Attempt,
    gpus: int,
    seconds: float,
    stopped: Callable[[], bool],
) -> None:
    """ray: the head's process. gpus: of a node. Raises ClusterError with what is missing, Stopped."""
    until = time.monotonic() + seconds
    want = (attempt.nodes * gpus, attempt.nodes)
    have: tuple[int, list[str]] = (0, [])
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    probe = ts_process.Process([sys.executable, "-c", PROBE, address], environment, writer)
    os.close(writer)
    try:
        for line in _lines(reader):
            if stopped():
                raise Stopped
            if ray.ended() is not None:
                raise ClusterError("ray", f"Ray's head ended: {ts_nodes.last_words(attempt, 0)}")
            if line.startswith("have "):
                _, count, *hosts = line.split()
                have = (int(count), hosts)
                print(
                    f"toolspec: Ray has {len(hosts)} of {want[1]} nodes, {count} of {want[0]} GPUs",
                    flush=True,
                )
            if (have[0], len(have[1])) == want:
                return
            if why := ts_nodes.lost(attempt):
                raise ClusterError("nodes", why)
            if probe.ended() is not None:
                raise ClusterError(
                    "ray", f"Ray cannot be used here: python3 -c 'import ray' ends with {probe.ended()}"
                )
            if time.monotonic() > until:
                raise ClusterError("nodes", _missing(attempt, have, want, seconds))
    finally:
        os.close(reader)
        probe.end(((signal.SIGKILL, 5.0),))


def _lines(reader: int) -> Iterator[str]:
    """Lines from a pipe as they come, and "" every 0.1 s between."""
    kept = b""
    while True:
        with contextlib.suppress(BlockingIOError):
            kept += os.read(reader, 65536)
        *lines, kept = kept.split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in lines)
        if not lines:
            yield ""
            time.sleep(0.1)


def _missing(
    attempt: ts_attempt.Attempt, have: tuple[int, list[str]], want: tuple[int, int], seconds: float
) -> str:
    """What of the cluster is not there, by the files that each node's task leaves (`node-RANK.json`)."""
    began = {int(one["rank"]): str(one["host"]) for one in ts_nodes.told(attempt, "node")}
    lacking = [
        f"{began[rank]} (rank {rank}) has not joined: {ts_nodes.last_words(attempt, rank)}"
        if rank in began
        else f"the task of rank {rank} has not begun"
        for rank in range(attempt.nodes)
        if began.get(rank) not in have[1]
    ]
    said = f"after {seconds:g} s Ray has {len(have[1])} of {want[1]} nodes and {have[0]} of {want[0]} GPUs"
    return "; ".join([said, *lacking])
