"""Ray over the nodes of one job: brought up in this process's care, waited for with limits, taken down as a whole.

One task a node (`srun`), each of which starts its own Ray node as a child; rank 0 the head. What each choice prevents:

- a block of ports of the job's own (`ports`): two jobs on a host, or Ray's random choice within the workers' range,
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

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ts_attempt
import ts_event
import ts_memory
import ts_process

BLOCK = 120  # ports of a node: 8 of its services, 100 of its workers
FIRST_PORT, LAST_PORT = 20000, 32000  # below ip_local_port_range, whose ports the system gives away
UP = "up"  # rank 0's mark that all nodes have joined
LOST_SECONDS = 30.0  # how long the head's port may be silent before a worker takes it for gone
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


class ClusterError(Exception):
    """The cluster did not come up, or is gone. kind: `ray` or `nodes`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Stopped(Exception):
    """A signal asked for the end while the cluster was waited for."""


class Cluster(NamedTuple):
    """This node's part: its Ray process, the head's address (`IP:PORT`), the environment of what uses it."""

    ray: ts_process.Process
    address: str
    environment: Mapping[str, str]
    folder: Path


def ports(seed: int, size: int = BLOCK) -> int:
    """The first of `size` ports in a row that are free here: another one for each job. Raises ClusterError."""
    blocks = (LAST_PORT - FIRST_PORT) // size
    for number in range(blocks):
        first = FIRST_PORT + (seed * 37 + number) % blocks * size
        if all(_free(port) for port in range(first, first + size)):
            return first
    raise ClusterError("ray", f"no {size} free ports in a row between {FIRST_PORT} and {LAST_PORT}")


def _free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("", port))
        except OSError:
            return False
    return True


def own_address(nodes: int, environment: Mapping[str, str]) -> str:
    """The IPv4 address that other nodes reach this one by: the first that this host's names stand for and that it has.

    TOOLSPEC_HEAD_IP decides where a host has several networks. Raises ClusterError.
    """
    told = environment.get("TOOLSPEC_HEAD_IP")
    names = (
        [told] if told else [environment.get("SLURMD_NODENAME", ""), socket.gethostname(), socket.getfqdn()]
    )
    found = [address for name in names if name for address in _addresses(name)] + _outward()
    for address in found:
        if nodes > 1 and address.startswith("127.") and not told:
            continue  # Debian's /etc/hosts has 127.0.1.1 for the host's own name
        with socket.socket() as one:
            try:
                one.bind((address, 0))
            except OSError:
                continue  # a stale entry of /etc/hosts: not this host's
            return address
    said = ", ".join(dict.fromkeys(found)) or "none"
    raise ClusterError(
        "ray", f"no address of this host that others could reach (tried {said}); export TOOLSPEC_HEAD_IP"
    )


def _addresses(name: str) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(name, None, socket.AF_INET)]
    except OSError:
        return []


def _outward() -> list[str]:
    """The address of the interface with the default route. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
            return [str(one.getsockname()[0])]
        except OSError:
            return []


def towards(address: str) -> str:
    """This host's address on the way to `address` (IP:PORT): the right one of several networks."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect((address.rpartition(":")[0], 9))
        return str(one.getsockname()[0])


def environment_of(attempt: ts_attempt.Attempt, base: Mapping[str, str]) -> dict[str, str]:
    """What Ray, verl and the probe are run with."""
    dropped = {"RAY_ADDRESS"}
    if (
        "CUDA_VISIBLE_DEVICES" in base
    ):  # Slurm sets all three where GPUs are generic; torch and Ray refuse the mix
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
    """Starts this node's Ray: (process, its temporary folder, its first port). Raises ClusterError."""
    first = ports(attempt.job_number * 7 + attempt.restart + attempt.rank * 131)
    folder = (
        Path(environment.get("RAY_TMPDIR") or "/tmp")
        / f"r{os.getuid()}_{attempt.job_number}_{attempt.restart}"
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
        f"--max-worker-port={first + BLOCK - 1}",
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
    address = own_address(attempt.nodes, base)
    ray, folder, port = start(attempt, gpus, environment, "--head", f"--node-ip-address={address}")
    cluster = Cluster(ray, f"{address}:{port}", {**environment, "RAY_ADDRESS": f"{address}:{port}"}, folder)
    try:
        ts_event.place(attempt.folder / "head.json", json.dumps({"address": cluster.address}))
        _wait_for_all(cluster, attempt, gpus, wait_seconds, stopped)
        ts_event.place(attempt.folder / UP, "")
    except BaseException:
        leave(cluster)
        raise
    return cluster


def _wait_for_all(
    cluster: Cluster, attempt: ts_attempt.Attempt, gpus: int, seconds: float, stopped: Callable[[], bool]
) -> None:
    """Raises ClusterError with what is missing, Stopped."""
    until = time.monotonic() + seconds
    want = (attempt.nodes * gpus, attempt.nodes)
    have: tuple[int, list[str]] = (0, [])
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    probe = ts_process.Process([sys.executable, "-c", PROBE, cluster.address], cluster.environment, writer)
    os.close(writer)
    try:
        for line in _lines(reader):
            if stopped():
                raise Stopped
            if cluster.ray.ended() is not None:
                raise ClusterError("ray", f"Ray's head ended: {_last_words(attempt, 0)}")
            if line.startswith("have "):
                _, count, *hosts = line.split()
                have = (int(count), hosts)
                print(
                    f"toolspec: Ray has {len(hosts)} of {want[1]} nodes, {count} of {want[0]} GPUs",
                    flush=True,
                )
            if (have[0], len(have[1])) == want:
                return
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
    began: dict[int, str] = {}
    for file in attempt.folder.glob("node-*.json"):
        try:
            told = json.loads(file.read_text("utf-8"))
            began[int(told["rank"])] = str(told["host"])
        except (OSError, ValueError, LookupError, TypeError):
            continue
    lacking = [
        f"{began[rank]} (rank {rank}) has not joined: {_last_words(attempt, rank)}"
        if rank in began
        else f"the task of rank {rank} has not begun"
        for rank in range(attempt.nodes)
        if began.get(rank) not in have[1]
    ]
    said = f"after {seconds:g} s Ray has {len(have[1])} of {want[1]} nodes and {have[0]} of {want[0]} GPUs"
    return "; ".join([said, *lacking])


def _last_words(attempt: ts_attempt.Attempt, rank: int) -> str:
    """The last line of a node's Ray log."""
    try:
        lines = (attempt.folder / f"ray-{rank}.log").read_text("utf-8", "replace").split("\n")
    except OSError:
        return "it wrote no log"
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "its log is empty")


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
        if (code := job_code(attempt)) is not None:
            return code
        if stopped():
            return 143
        if time.monotonic() > until:
            print(f"toolspec: rank {attempt.rank} found no head after {wait_seconds:g} s", flush=True)
            return 69
        address = address or _told_address(attempt)
        time.sleep(0.2)
    cluster = None
    kills: int | None = ts_memory.kills()
    try:
        silent = 0.0
        while True:
            if kills is not None and ts_memory.kills() > kills:
                kills = None  # once is enough
                told = {"rank": attempt.rank, "host": socket.gethostname()}
                ts_event.place(attempt.folder / f"memory-{attempt.rank}.json", json.dumps(told))
            if cluster is None:
                here = f"--node-ip-address={towards(address)}"
                ray, folder, _ = start(attempt, gpus, environment, f"--address={address}", here)
                cluster = Cluster(ray, address, environment, folder)
            if (code := job_code(attempt)) is not None:
                return code
            if stopped():
                return _code_soon(attempt, 143)
            if cluster.ray.ended() is not None:
                if (
                    attempt.folder / UP
                ).exists():  # its actors are gone with it: what waits for them may hang
                    _tell_lost(attempt)
                    return _code_soon(attempt, 69)
                cluster = None  # the head was not ready
                time.sleep(1.0)
                continue
            silent = 0.0 if _answers(address) else silent + 1.0
            if silent >= LOST_SECONDS:
                return _code_soon(attempt, 69)
            time.sleep(1.0)
    finally:
        if cluster is not None:
            leave(cluster)


def _tell_lost(attempt: ts_attempt.Attempt) -> None:
    words = _last_words(attempt, attempt.rank)
    told = {"rank": attempt.rank, "host": socket.gethostname(), "why": words}
    ts_event.place(attempt.folder / f"lost-{attempt.rank}.json", json.dumps(told))


def lost(attempt: ts_attempt.Attempt) -> str:
    """What the other nodes say of a Ray that ended there, or ""."""
    for file in sorted(attempt.folder.glob("lost-*.json")):
        try:
            told = json.loads(file.read_text("utf-8"))
            return f"Ray ended on {told['host']} (rank {told['rank']}): {told['why']}"
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return ""


def short_of_memory(attempt: ts_attempt.Attempt) -> str:
    """The host of another node on which the kernel killed for want of memory, or ""."""
    for file in sorted(attempt.folder.glob("memory-*.json")):
        try:
            return str(json.loads(file.read_text("utf-8"))["host"])
        except (OSError, ValueError, LookupError, TypeError):
            continue
    return ""


def _told_address(attempt: ts_attempt.Attempt) -> str:
    try:
        return str(json.loads((attempt.folder / "head.json").read_text("utf-8"))["address"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2.0).close()
    except OSError:
        return False
    return True


def job_code(attempt: ts_attempt.Attempt) -> int | None:
    """The exit code that rank 0 has left for all; None while the job goes on."""
    try:
        return int((attempt.folder / "code").read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _code_soon(attempt: ts_attempt.Attempt, otherwise: int, seconds: float = 10.0) -> int:
    """The same, waited for a moment, in which a shared file system may show it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (code := job_code(attempt)) is not None:
            return code
        time.sleep(0.2)
    return otherwise


def leave(cluster: Cluster) -> None:
    """Ends this node's Ray and removes its temporary folder."""
    ts_process.end_all([cluster.ray], 10.0)
    shutil.rmtree(cluster.folder, ignore_errors=True)
