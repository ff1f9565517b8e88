"""Where a lab's processes run: namespaces of their own, or this machine as it is. What runs there, from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

SCRIPT = Path(__file__).with_name("namespaces.sh")
TOGETHER_WITH_THE_KEEPER = ("setpriv", "--pdeathsig", "KILL")  # also when the keeper is killed with -9
ALL = ("--net", "--uts", "--mount", "--pid", "--ipc")
UNSHARE = ("unshare", "--fork", "--kill-child", "--mount-proc")
SLURMD_PORT = 6818
LISTENS = "0A"  # state of a socket in /proc/net/tcp


class Process(NamedTuple):
    """A process by its id outside. `command` is what it shows of itself, which may be made up."""

    pid: int
    command: str


def namespaces_allowed() -> bool:
    """Whether this process may make the namespaces that a lab needs (root with CAP_SYS_ADMIN and CAP_NET_ADMIN)."""
    probe = [*UNSHARE, *ALL, "sh", "-c", "mount -t tmpfs tmpfs /run && ip link add lab type bridge"]
    try:
        return subprocess.run(probe, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def memory_cgroup(name: str) -> Path | None:
    """A new memory cgroup (v1) below that of this process, to be shared out to the nodes; None where it cannot be."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        ours = next(line.partition("memory:")[2] for line in lines if ":memory:" in line)
        made = Path("/sys/fs/cgroup/memory") / ours.lstrip("/") / name
        for left in made.parent.glob(f"{name.partition('.')[0]}.*"):
            remove_cgroup(left)  # of a keeper that was killed
        made.mkdir(exist_ok=True)
        (made / "memory.use_hierarchy").read_text()
    except (OSError, StopIteration):
        return None
    return made


def remove_cgroup(folder: Path) -> None:
    """Remove a cgroup without processes, and those below it."""
    for path, _, _ in sorted(os.walk(folder), reverse=True):
        with contextlib.suppress(OSError):
            Path(path).rmdir()


def free_network(key: str) -> str:
    """First three numbers of a /24 in 10/8 that no address or route of this machine touches, by chance of `key`."""
    answer = subprocess.run(
        ["ip", "-4", "route", "show", "table", "all"], capture_output=True, text=True, check=True, timeout=10
    )
    addresses = subprocess.run(
        ["ip", "-4", "-o", "addr"], capture_output=True, text=True, check=True, timeout=10
    )
    taken = answer.stdout + addresses.stdout
    start = sum(key.encode()) * 2654435761 % 2**32
    for step in range(10_000):
        second, third = divmod((start + step * 40503) % (200 * 250), 250)
        network = f"10.{second + 20}.{third + 1}"
        if f"{network}." not in taken:
            return network
    raise RuntimeError("every network tried in 10/8 is taken")


class Space:
    """Namespaces and their process 1. Killing it ends everything inside."""

    def __init__(self, folder: Path, name: str, *arguments: str, within: list[str] | None = None) -> None:
        kinds = ALL if name == "lab" else ALL[1:]  # the network of a node is made with the lab
        command = [
            *(within or []),
            *TOGETHER_WITH_THE_KEEPER,
            *UNSHARE,
            *kinds,
            str(SCRIPT),
            str(folder),
            name,
        ]
        log = (folder / "log" / f"{name}.out").open("ab")
        ready = folder / "run" / f"{name}.ready"
        ready.unlink(missing_ok=True)
        self._started = subprocess.Popen(
            [*command, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        limit = time.monotonic() + 30
        while not ready.exists():
            if self._started.poll() is not None or time.monotonic() > limit:
                self.kill()
                said = (folder / "log" / f"{name}.out").read_text("utf-8", "replace")[-500:]
                raise RuntimeError(f"namespaces of {name}: {said or 'not ready within 30 s'}")
            time.sleep(0.02)
        self.pid = _innermost(self._started.pid)

    def enter(self) -> list[str]:
        """What to put before a command so that it runs inside. It ends with the space."""
        return ["nsenter", "--target", str(self.pid), "--all"]

    def kill(self) -> None:
        """End everything inside, at once."""
        self._started.kill()  # unshare does not heed TERM; --kill-child takes process 1 along
        self._started.wait()
        limit = time.monotonic() + 10
        while hasattr(self, "pid") and in_namespace(self.pid) and time.monotonic() < limit:
            time.sleep(0.02)


def _innermost(pid: int) -> int:
    """The last of a chain of only children that runs the script: process 1 inside, by its id outside."""
    while True:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if len(words) > 1 and words[1] == str(SCRIPT).encode() and words[0].endswith(b"bash"):
            return pid
        if not children:
            raise RuntimeError("the namespaces have no process 1")
        pid = int(children[0])


def in_namespace(first: int | str) -> list[Process]:
    """Processes of the namespace whose process 1 is `first`; none when it is gone."""
    try:
        wanted = Path(f"/proc/{first}/ns/pid").readlink()
    except OSError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "ns" / "pid").readlink() == wanted:
                    found.append(Process(int(entry.name), command(entry)))
            except OSError:
                continue
    return found


def command(entry: Path) -> str:
    """What a process shows of itself: its command line, or its name where it has none."""
    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return words or f"[{(entry / 'comm').read_text('utf-8', 'replace').strip()}]"


def environment(pid: int) -> dict[str, str]:
    """Variables that a process was started with; empty where it is gone or wrote over them."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (each.partition(b"=") for each in raw.split(b"\0") if b"=" in each)
    return {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, _, value in pairs}


def listening(pid: int) -> set[int]:
    """TCP ports that are listened at in the network of a process."""
    ports = set()
    for kind in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]
        except OSError:
            continue
        fields = [line.split() for line in lines]
        ports |= {int(each[1].rpartition(":")[2], 16) for each in fields if each[3] == LISTENS}
    return ports


def send_signal(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_those(*variables: str) -> None:
    """Kill processes that were started with these variables, and before them the slurmstepd that would report it."""
    wanted = {each.encode() for each in variables}
    jobs, steps = set(), set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted <= set((entry / "environ").read_bytes().split(b"\0")):
                    jobs.add(int(entry.name))
                    parent = Path("/proc") / (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    if (parent / "comm").read_text().strip() == "slurmstepd":
                        steps.add(int(parent.name))
    for pid in (*steps, *jobs):
        send_signal(pid, signal.SIGKILL)


def kill_descendants() -> None:
    """Kill what came to this process when its parents died, until nothing is left."""
    for _ in range(50):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if not children:
            return
        for child in children:
            send_signal(int(child), signal.SIGKILL)
        for _ in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)
