"""Ray over the nodes of one job: brought up in this process's care, waited for with limits, taken down as a whole.

One task a node (`srun`), each of which starts its own Ray node as a child; rank 0 the head. What each choice prevents:

- a block of ports of the job's own (ts_address.py): two jobs on a host, or Ray's random choice in the workers' range,
  meet on one port, and a head on 6379 may be a stranger's
- a temporary folder of the job's own: /tmp/ray belongs to the first user of a node, and socket names hold 107 bytes
- a token of the job's own (RAY_AUTH_TOKEN): nobody else on the network joins or uses it, and a leftover
  ~/.ray/auth_token, by which a head asks for a token that no other node sends, has no say. Older releases ignore it
- RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=0: Ray 2.60 takes up to 30 s for its end otherwise
- `ray stop` is never called: it ends every Ray of the user on the machine
- SIGUSR2, by which Slurm tells every process of a step that its time ends, is ignored by all of them
- nodes and GPUs are both counted before verl starts, and each wait looks whether what it waits for still lives

Standard library only; `ray` is started as a program.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ts_address
import ts_attempt
import ts_event
import ts_machine
import ts_memory
import ts_nodes
import ts_process
import ts_ready
from ts_address import ClusterError

LOST_SECONDS = 30.0  # how long the head's port may be silent before a worker takes it for gone


class Cluster(NamedTuple):
    """This node's part: its Ray process, the head's address (`IP:PORT`), the environment of what uses it."""

    ray: ts_process.Process
    address: str
    environment: Mapping[str, str]
    folder: Path


def environment_of(attempt: ts_attempt.Attempt, base: Mapping[str, str]) -> dict[str, str]:
    """What Ray, verl and the probe are run with."""
    # A worker that writes each piece of a line by itself has it told in pieces: Ray reads the file meanwhile, and what
    # is not whole is a line to it, with the worker's name before it. Its workers end a line at its end by themselves.
    dropped = {"RAY_ADDRESS", "PYTHONUNBUFFERED"}
    # Slurm sets all three where GPUs are generic; torch and Ray refuse the mix.
    if "CUDA_VISIBLE_DEVICES" in base:
        dropped |= {"ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"}
    return {
        **{name: value for name, value in base.items() if name not in dropped},
        "RAY_USAGE_STATS_ENABLED": "0",
        # Else steps that are quick are told as `[repeated 3x across cluster]`, and their metrics are in no log.
        "RAY_DEDUP_LOGS": base.get("RAY_DEDUP_LOGS", "0"),
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": attempt.token,
    }


def start(
    attempt: ts_attempt.Attempt, gpus: int, environment: Mapping[str, str], *how: str
) -> tuple[Any, Path, int]:
    """Starts this node's Ray: (process, its temporary folder, its first port). Raises ClusterError.

    Ray is told the number of GPUs and believes it, so it is counted here what this node really gives the job.
    """
    seen = ts_machine.visible_gpus(environment)
    if seen is not None and seen < gpus:
        raise ClusterError(
            "nodes", f"{socket.gethostname()} gives the job {seen} of the {gpus} GPUs that it needs"
        )
    first = ts_address.ports(attempt.job_number * 7 + attempt.restart + attempt.rank * 131)
    folder = (
        Path(environment.get("RAY_TMPDIR") or "/tmp")
        / f"r{os.getuid()}_{attempt.job_number}_{attempt.restart}_{attempt.nonce[:4]}"  # of which cluster, too
    )
    services = (
        *("node-manager-port", "object-manager-port", "runtime-env-agent-port"),
        *("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "metrics-export-port"),
    )
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"),
        f"--num-gpus={gpus}",
        *(f"--{name}={first + number}" for number, name in enumerate(services, start=1)),
        f"--min-worker-port={first + 20}",
        f"--max-worker-port={first + ts_address.BLOCK - 1}",
    ]
    cpus = environment.get("SLURM_CPUS_PER_TASK") or environment.get("SLURM_CPUS_ON_NODE")
    if cpus and cpus.isdigit():  # else Ray takes all of the host's, others' too
        command.append(f"--num-cpus={cpus}")
    if "--head" in how:
        command += [f"--port={first}", f"--temp-dir={folder}", f"--dashboard-port={first + 7}"]
        command.append("--dashboard-host=127.0.0.1")
        if importlib.util.find_spec("grpc"):  # plain `ray` refuses the flag
            command.append(f"--ray-client-server-port={first + 8}")
    attempt.folder.mkdir(parents=True, exist_ok=True)
    with (attempt.folder / f"ray-{attempt.rank}.log").open("ab") as log:
        try:
            process = ts_process.Process([*command, *how], environment, log, ignoring=(signal.SIGUSR2,))
        except OSError as error:
            raise ClusterError("ray", f"Ray could not be started: {error}") from None
    return process, folder, first


def head(
    attempt: ts_attempt.Attempt,
    gpus: int,
    wait_seconds: float,
    base: Mapping[str, str],
    stopped: Callable[[], bool],
) -> Cluster:
    """Rank 0: the head, and all other nodes with their GPUs. Raises ClusterError, Stopped; nothing is left then."""
    environment = environment_of(attempt, base)
    address = ts_address.own_address(attempt.nodes, base)
    ray, folder, port = start(attempt, gpus, environment, "--head", f"--node-ip-address={address}")
    cluster = Cluster(ray, f"{address}:{port}", {**environment, "RAY_ADDRESS": f"{address}:{port}"}, folder)
    try:
        ts_event.place(attempt.folder / "head.json", json.dumps({"address": cluster.address}))
        ts_ready.wait_for_all(ray, cluster.address, cluster.environment, attempt, gpus, wait_seconds, stopped)
        ts_event.place(attempt.folder / ts_nodes.UP, "")
    except BaseException:
        leave(cluster)
        raise
    return cluster


def join(
    attempt: ts_attempt.Attempt,
    gpus: int,
    wait_seconds: float,
    base: Mapping[str, str],
    stopped: Callable[[], bool],
) -> int:
    """Any other rank: a Ray node for as long as the job lasts. The job's exit code, which rank 0 leaves."""
    until = time.monotonic() + wait_seconds
    environment = environment_of(attempt, base)
    address = ""
    while not address or not _answers(address):
        if (code := ts_nodes.job_code(attempt)) is not None:
            return code
        if stopped():
            return 143
        if time.monotonic() > until:
            print(f"toolspec: rank {attempt.rank} found no head after {wait_seconds:g} s", flush=True)
            return 69
        address = address or ts_nodes.head_address(attempt)
        time.sleep(0.2)
    cluster = None
    kills: int | None = ts_memory.kills()
    try:
        silent = 0.0
        while True:
            if kills is not None and ts_memory.kills() > kills:
                kills = None  # once is enough
                ts_nodes.tell(attempt, "memory")
            if cluster is None:
                here = f"--node-ip-address={ts_address.towards(address)}"
                try:
                    ray, folder, _ = start(attempt, gpus, environment, f"--address={address}", here)
                except ClusterError as error:
                    ts_nodes.tell(attempt, "lost", why=str(error))
                    return ts_nodes.code_soon(attempt, 69)
                cluster = Cluster(ray, address, environment, folder)
            if (code := ts_nodes.job_code(attempt)) is not None:
                return code
            if stopped():
                return ts_nodes.code_soon(attempt, 143)
            if cluster.ray.ended() is not None:
                if (attempt.folder / ts_nodes.UP).exists():  # what waits for its actors may hang
                    ts_nodes.tell(
                        attempt, "lost", why=f"Ray ended: {ts_nodes.last_words(attempt, attempt.rank)}"
                    )
                    return ts_nodes.code_soon(attempt, 69)
                cluster = None  # the head was not ready
                time.sleep(1.0)
                continue
            silent = 0.0 if _answers(address) else silent + 1.0
            if silent >= LOST_SECONDS:
                return ts_nodes.code_soon(attempt, 69)
            time.sleep(1.0)
    finally:
        if cluster is not None:
            leave(cluster)


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2.0).close()
    except OSError:
        return False
    return True


def leave(cluster: Cluster) -> None:
    """Ends this node's Ray and removes its temporary folder."""
    # Soon: of a job that is ended Slurm kills what is left after KillWait, and a raylet whose head is gone ends slowly.
    ts_process.end_all([cluster.ray], 3.0)
    shutil.rmtree(cluster.folder, ignore_errors=True)
