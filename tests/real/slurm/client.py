"""A running lab as tests see it: Slurm's commands, faults, what is left on the nodes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from real.slurm.keeper import read_layout
from real.slurm.layout import Layout
from real.slurm.spaces import SCRIPT, SLURMD_PORT, Process, environment, in_namespace, listening

SECONDS_TO_COME_UP = 180
NODES_OWN = ("var/tmp", "dev/shm")  # see namespaces.sh
INFRASTRUCTURE = ("slurmd -D", "lab-idle", f"/bin/bash {SCRIPT}")


class LabError(Exception):
    """The lab did not come up, or did not do what was asked of it. The message has the end of a log."""


class Lab:
    """A running lab, by one connection to its keeper. When the last connection closes it goes down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._is_alone = False
        self._one_at_a_time = threading.Lock()
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(folder / "keeper.sock"))
        self._connection.settimeout(SECONDS_TO_COME_UP)
        self._lines = self._connection.makefile("r")
        self._tell("hello")  # the answer comes when the lab is up; none, when it is going down
        self.layout: Layout = read_layout(folder)

    def close(self) -> None:
        """Give this reference back."""
        self._lines.close()
        self._connection.close()

    # What it is

    @property
    def slurm_conf(self) -> Path:
        """Value of $SLURM_CONF for whoever speaks to this cluster."""
        return self.folder / "etc" / "slurm.conf"

    @property
    def small_disk(self) -> Path:
        """A folder that is a disk of 32 MB on all nodes, and an empty folder here."""
        return self.folder / "small"

    def environment(self, **more: str) -> dict[str, str]:
        """Variables for a command that speaks to this cluster: those of this process without any of Slurm's."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "SBATCH_"))}
        return clean | {"SLURM_CONF": str(self.slurm_conf)} | more

    def log(self, name: str) -> str:
        """A daemon's log: "slurmctld", "slurmdbd", "slurmd.n1"."""
        return (self.folder / "log" / f"{name}.log").read_text("utf-8", "replace")

    # What is asked of Slurm

    def run(self, *words: str, timeout: float = 30, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command of Slurm, as a user has it."""
        env = self.environment(**variables)
        return subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False, env=env)

    def ask(self, *words: str, timeout: float = 30, **variables: str) -> str:
        """What a command of Slurm prints. Raises LabError with its error."""
        answer = self.run(*words, timeout=timeout, **variables)
        if answer.returncode:
            raise LabError(f"{' '.join(words)}: exit {answer.returncode}: {answer.stderr.strip()}")
        return answer.stdout.strip()

    def sbatch(self, script: str, *options: str, **variables: str) -> str:
        """Submit lines of shell; the job's id."""
        words = ["sbatch", "--parsable", "--output=/dev/null", *options, f"--wrap={script}"]
        return self.ask(*words, timeout=30, **variables).split(";")[0]

    def squeue(self, job: str) -> str:
        """State of a job by slurmctld (RUNNING, …); "" when it knows it no more."""
        answer = self.run("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T")
        return answer.stdout.strip()

    def sacct(self, job: str, *fields: str) -> list[dict[str, str]]:
        """Rows of a job and its steps by accounting, restarts included, oldest first."""
        names = fields or ("JobID", "State", "ExitCode")
        words = [
            "sacct",
            "--noheader",
            "--parsable2",
            "--duplicates",
            f"--jobs={job}",
            f"--format={','.join(names)}",
        ]
        return [dict(zip(names, line.split("|"), strict=True)) for line in self.ask(*words).splitlines()]

    def wait(self, job: str, *states: str, seconds: float = 60) -> str:
        """Wait until slurmctld says that a job has one of the states; which. Raises LabError."""
        limit = time.monotonic() + seconds
        state = ""
        while time.monotonic() < limit:
            state = self.squeue(job)
            if state in states:
                return state
            time.sleep(0.2)
        shown = self.run("scontrol", "show", "job", job).stdout
        raise LabError(
            f"job {job} is {state or 'unknown'} after {seconds:g} s, not {', '.join(states)}:\n{shown}"
        )

    # Faults

    def stop(self, daemon: str) -> None:
        """Stop "slurmctld" or "slurmdbd"; within `alone`, since everybody is hit."""
        self._tell("stop", daemon)

    def start(self, daemon: str) -> None:
        """Start it again and wait until it answers."""
        self._tell("start", daemon)

    @contextlib.contextmanager
    def alone(self) -> Iterator[list[str]]:
        """The whole lab for one test, once no other has nodes of its own; the names of all nodes."""
        with contextlib.ExitStack() as held:
            with self._locked("choosing", fcntl.LOCK_EX):  # nobody takes nodes while this waits
                held.enter_context(self._locked("outage", fcntl.LOCK_EX))
            self._is_alone = True
            try:
                yield self.layout.names
            finally:
                self._is_alone = False

    @contextlib.contextmanager
    def outage(self, daemon: str) -> Iterator[None]:
        """`daemon` is down within the block. It hits everybody, so it takes `alone`."""
        if not self._is_alone:
            raise LabError(
                "an outage hits the tests of others: take `with lab.alone()` around it, not a lease"
            )
        self.stop(daemon)
        try:
            yield
        finally:
            self.start(daemon)

    def kill_node(self, node: str) -> None:
        """Power off a node: its slurmd and all processes on it end."""
        self._tell("kill_node", node)

    def kill_slurmd(self, node: str) -> None:
        """Kill a node's slurmd only."""
        self._tell("kill_slurmd", node)

    def start_node(self, node: str) -> None:
        """Start a killed node, or its slurmd, and wait until Slurm has it back."""
        self._tell("start_node", node)
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            state = self.ask("sinfo", "--noheader", f"--nodes={node}", "--partition=gpu", "--format=%T")
            if not set("*#~").intersection(state) and state not in ("down", "unknown", "drained"):
                return
            time.sleep(0.2)
        raise LabError(f"node {node} did not come back: {state}")

    @contextlib.contextmanager
    def lease(self, count: int) -> Iterator[list[str]]:
        """`count` nodes for one test alone (`--nodelist`), taken when that many are free; back when it is killed.

        It waits for `alone`, and `alone` for it. Take all that a test needs at once.
        """
        with contextlib.ExitStack() as held:
            with self._locked("choosing", fcntl.LOCK_EX):  # or two could each hold half of what both need
                held.enter_context(self._locked("outage", fcntl.LOCK_SH))
                nodes: list[str] = []
                while len(nodes) < count:
                    for node in self.layout.names:
                        if node not in nodes and len(nodes) < count:
                            with contextlib.suppress(BlockingIOError):
                                held.enter_context(self._locked(node, fcntl.LOCK_EX | fcntl.LOCK_NB))
                                nodes.append(node)
                    time.sleep(0 if len(nodes) == count else 0.2)
            yield sorted(nodes)  # in Slurm's own order of ranks

    # What is left

    def processes(self, node: str) -> list[Process]:
        """Processes on a node that are not the lab's own. Needs namespaces."""
        first = self._tell("first_processes").get(node)
        every = in_namespace(first) if first else []
        return [each for each in every if not each.command.startswith(INFRASTRUCTURE)]

    def processes_of(self, job: str) -> list[Process]:
        """Processes on all nodes that were started with the job's id; Ray's workers write over what tells that."""
        every = [each for node in self.layout.names for each in self.processes(node)]
        return [each for each in every if environment(each.pid).get("SLURM_JOB_ID") == job]

    def leftovers(self, nodes: list[str], seconds: float = 5) -> list[str]:
        """What is left on nodes where no job runs, waited for to go: processes, ports, files of the nodes' own folders.

        Empty when clean. Needs namespaces.
        """
        limit = time.monotonic() + seconds
        while True:
            left = [f"{node}: {each.pid} {each.command}" for node in nodes for each in self.processes(node)]
            first = self._tell("first_processes")
            for node in nodes:
                ports = listening(first[node]) - {SLURMD_PORT} if node in first else set()
                left += [f"{node}: port {port}" for port in sorted(ports)]
                left += [f"{node}: {path}" for path in _own_files(first[node])] if node in first else []
            if not left or time.monotonic() > limit:
                return left
            time.sleep(0.2)

    def down(self) -> None:
        """Take the lab down now, whoever uses it."""
        self._tell("down")

    # How

    def _tell(self, do: str, *arguments: str) -> Any:
        with self._one_at_a_time:
            self._connection.sendall((json.dumps({"do": do, "arguments": arguments}) + "\n").encode())
            line = self._lines.readline()
        if not line:
            raise LabError("the lab is gone")
        answer = json.loads(line)
        if "error" in answer:
            raise LabError(answer["error"])
        return answer["answer"]

    @contextlib.contextmanager
    def _locked(self, name: str, how: int) -> Iterator[TextIO]:
        with (self.folder / "leases" / name).open("w") as lock:
            fcntl.flock(lock, how)
            yield lock


def _own_files(first: int) -> list[str]:
    """What lies in the folders that a node has for itself."""
    root = Path(f"/proc/{first}/root")
    return sorted(f"/{path.relative_to(root)}" for place in NODES_OWN for path in (root / place).iterdir())
