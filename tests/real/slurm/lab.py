"""A real Slurm cluster on this machine for as long as it is used, by tests or by hand.

PYTHONPATH=tests python -m real.slurm.lab up [--without-accounting]     prints SLURM_CONF
PYTHONPATH=tests python -m real.slurm.lab down
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from real.cache import cache_folder
from real.slurm.client import SECONDS_TO_COME_UP, Lab, LabError
from real.slurm.keeper import write_layout
from real.slurm.layout import Layout, Ports
from real.slurm.spaces import free_network, memory_cgroup, namespaces_allowed

PREFIX = "slurm-lab-"
BY_HAND = f"by hand, of {__file__}"  # each checkout has its own


class Kind(NamedTuple):
    """What kind of lab. `namespaces` None: if they are allowed here."""

    nodes: int = 8
    accounting: bool = True
    namespaces: bool | None = None


USUAL = Kind()


def start(key: str, kind: Kind = USUAL, *, held: bool = False) -> Lab:
    """The lab of `key`, which all processes that say the same key share; brought up by the first.

    `held`: it stays up when nobody uses it, until `down`. Raises LabError.
    """
    folder = folder_of(key, kind)
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "slurm-lab.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(OSError, LabError):
            return Lab(folder)
        _sweep()
        folder.mkdir(mode=0o755)
        write_layout(_layout(folder, kind))
        if held:
            (folder / "held").touch()
        return _bring_up(folder)


def folder_of(key: str, kind: Kind = USUAL) -> Path:
    """Where that lab lies while it is up."""
    digest = hashlib.sha256(f"{os.getuid()} {key} {tuple(kind)}".encode()).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"{PREFIX}{digest}"


def _sweep() -> None:
    """Remove folders of labs whose keeper is dead: one that was killed, or failed and left its logs."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(folder / "keeper.sock"))
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)


def _layout(folder: Path, kind: Kind) -> Layout:
    here = Layout(str(folder), kind.nodes, accounting=kind.accounting)
    if kind.namespaces is not False and namespaces_allowed():
        cgroup = str(memory_cgroup(f"{folder.name}.{os.getpid()}") or "")
        return here._replace(network=free_network(folder.name), cgroup=cgroup)
    ports = _free_ports(3 + kind.nodes)
    return here._replace(
        namespaces=False,
        host=socket.gethostname().partition(".")[0],
        ports=Ports(ports[0], ports[1], ports[2], slurmd=tuple(ports[3:])),
    )


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _bring_up(folder: Path) -> Lab:
    with (folder / "keeper.log").open("w") as log:
        keeper = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("keeper.py")), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    limit = time.monotonic() + SECONDS_TO_COME_UP
    while time.monotonic() < limit and keeper.poll() is None:
        with contextlib.suppress(OSError, LabError):
            return Lab(
                folder
            )  # connected at once: should this process die meanwhile, the keeper finds nobody
        time.sleep(0.05)
    keeper.terminate()
    keeper.wait()
    said = [each.read_text() for each in (folder / "failed", folder / "keeper.log") if each.exists()]
    raise LabError("the Slurm lab did not come up: " + "\n".join(said)[-2000:] + f"\nlogs: {folder}/log")


@contextlib.contextmanager
def lab(key: str, kind: Kind = USUAL) -> Iterator[Lab]:
    """`start` for a block."""
    started = start(key, kind)
    try:
        yield started
    finally:
        started.close()


def main(arguments: list[str]) -> int:
    """By hand: `up` and `down`."""
    kinds = Kind(), Kind(accounting=False)
    if "up" in arguments:
        began = time.monotonic()
        try:
            started = start(BY_HAND, kinds["--without-accounting" in arguments], held=True)
        except LabError as error:
            print(error, file=sys.stderr)
            return 1
        where = "in namespaces" if started.layout.namespaces else "on one host"
        print(f"# {started.layout.nodes} nodes {where}, up in {time.monotonic() - began:.1f} s")
        print(f"export SLURM_CONF={started.slurm_conf}")
        return 0
    if "down" in arguments:
        for kind in kinds:
            with contextlib.suppress(OSError, LabError):
                Lab(folder_of(BY_HAND, kind)).down()
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
