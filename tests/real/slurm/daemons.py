"""Slurm's daemons, munge's and the database's: started, stopped, and killed, in a lab's spaces."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from real.slurm.layout import (
    ACCOUNTS,
    CLUSTER,
    QOS,
    Layout,
    cgroup_conf,
    gres_conf,
    hosts,
    slurm_conf,
    slurmdbd_conf,
)
from real.slurm.spaces import (
    TOGETHER_WITH_THE_KEEPER,
    Space,
    command,
    kill_descendants,
    kill_those,
    remove_cgroup,
    send_signal,
)

SECONDS_TO_START, SECONDS_TO_STOP = 60, 10
PR_SET_CHILD_SUBREAPER = 36


class Daemons:
    """All daemons of one lab. They run in the foreground as children of this process, and die with it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.folder = Path(layout.folder)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.space: Space | None = None
        self.node_spaces: dict[str, Space] = {}

    # Up and down

    def up(self) -> None:
        """Bring everything up. Raises RuntimeError with the end of a log where something does not come."""
        if not self.layout.namespaces:
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # jobs of a dead slurmd come to us
        self._write()
        if self.layout.namespaces:
            self.space = Space(self.folder, "lab", self.layout.network, str(self.layout.nodes))
            self._open_the_door()
        self._start_munge()
        if self.layout.accounting:
            self._start_mariadb()
            self.start("slurmdbd")
            self._associations()
        self.start("slurmctld")
        if self.layout.accounting:
            self._limits()
        for node in self.layout.names:
            self.start_node(node)
        idle = ["sinfo", "--noheader", "--Node", "--partition=gpu", "--states=idle", "--format=%N"]
        self._wait(lambda: len(self._ask(*idle).split()) == self.layout.nodes, "all nodes idle", "slurmctld")

    def down(self) -> None:
        """End everything at once: nothing of a lab is kept."""
        if self.space:
            self.space.kill()
        for daemon in self.running.values():
            daemon.kill()
            daemon.wait()
        if not self.layout.namespaces:
            kill_descendants()
        if self.layout.cgroup:
            remove_cgroup(Path(self.layout.cgroup))

    # What tests ask for

    def stop(self, name: str) -> None:
        """Stop slurmctld or slurmdbd as their owner would, by SIGTERM; by SIGKILL where they do not heed it."""
        daemon = self.running.pop(name)
        inside = self._inside(daemon)
        send_signal(inside, signal.SIGTERM)
        try:
            daemon.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            send_signal(inside, signal.SIGKILL)
            daemon.kill()
            daemon.wait()

    def start(self, name: str) -> None:
        """Start slurmctld or slurmdbd, and wait until it answers."""
        if name in self.running and self.running[name].poll() is None:
            return
        self._spawn(name, [name, "-D"])
        if name == "slurmdbd":
            self._wait(lambda: self._ask("sacctmgr", "-n", "show", "cluster") is not None, name, name)
        else:
            self._wait(lambda: "UP" in self._ask("scontrol", "ping"), name, name)

    def kill_node(self, node: str) -> None:
        """A node loses its power: slurmd and all jobs' processes on it end at once."""
        daemon = self.running.pop(node)
        if node in self.node_spaces:
            self.node_spaces.pop(node).kill()
        else:
            kill_those(f"SLURMD_NODENAME={node}", f"SLURM_CONF={self.folder}/etc/slurm.conf")
        daemon.kill()
        daemon.wait()

    def kill_slurmd(self, node: str) -> None:
        """Only slurmd ends (SIGKILL); what it started goes on."""
        daemon = self.running.pop(node)
        send_signal(self._inside(daemon), signal.SIGKILL)
        daemon.kill()
        daemon.wait()

    def start_node(self, node: str) -> None:
        """Start a node, or only its slurmd where the node still lives."""
        if node in self.running and self.running[node].poll() is None:
            return
        within = None
        if self.space:
            if node not in self.node_spaces:
                enter = [*self.space.enter(), "nsenter", f"--net=/run/netns/{node}"]
                part = [str(self._cgroup(node))] if self.layout.cgroup else []
                self.node_spaces[node] = Space(self.folder, node, *part, within=enter)
            within = self.node_spaces[node].enter()
        self._spawn(node, ["slurmd", "-D", "-N", node], within)

    def first_processes(self) -> dict[str, int]:
        """Process 1 of every living node by its id outside; empty without namespaces."""
        return {node: space.pid for node, space in self.node_spaces.items()}

    # How

    def _spawn(self, name: str, words: list[str], within: list[str] | None = None) -> None:
        enter = within if within is not None else self.space.enter() if self.space else []
        log = (self.folder / "log" / f"{name}.out").open("ab")
        self.running[name] = subprocess.Popen(
            [*TOGETHER_WITH_THE_KEEPER, *enter, *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"SLURM_CONF": str(self.folder / "etc" / "slurm.conf")},
            start_new_session=True,
        )
        log.close()

    def _cgroup(self, node: str) -> Path:
        """A node's part of the lab's cgroup, empty."""
        part = Path(self.layout.cgroup) / node
        remove_cgroup(part)
        part.mkdir(exist_ok=True)
        return part

    def _inside(self, daemon: subprocess.Popen[bytes]) -> int:
        """The daemon itself: nsenter stays as its parent."""
        children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
        entered = command(Path(f"/proc/{daemon.pid}")).startswith("nsenter")
        return int(children[0]) if entered and children else daemon.pid

    def _ask(self, *words: str) -> str:
        env = os.environ | {"SLURM_CONF": str(self.folder / "etc" / "slurm.conf")}
        answer = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False, env=env)
        if answer.returncode:
            raise RuntimeError(f"{' '.join(words)}: {answer.stderr.strip()[-300:]}")
        return answer.stdout

    def _wait(self, come: Callable[[], bool], what: str, log: str) -> None:
        limit = time.monotonic() + SECONDS_TO_START
        last = ""
        while time.monotonic() < limit:
            try:
                if come():
                    return
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                last = str(error)
            if log in self.running and self.running[log].poll() is not None:
                break
            time.sleep(0.1)
        said = (self.folder / "log" / f"{log}.out").read_text("utf-8", "replace")[-600:]
        raise RuntimeError(f"{what} did not come within {SECONDS_TO_START} s: {last}\n{said}")

    def _write(self) -> None:
        for part in (
            "etc",
            "state",
            "log",
            "run",
            "dev",
            "spool",
            "munge",
            "small",
            "leases",
            "cgroup/memory",
        ):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        for number in range(self.layout.gpus):
            gpu = self.folder / "dev" / f"gpu{number}"
            try:
                os.mknod(gpu, stat.S_IFCHR | 0o666, os.makedev(1, 3))
            except OSError:
                gpu.touch()
        for node in self.layout.names:
            (self.folder / "spool" / node).mkdir()
        etc = self.folder / "etc"
        (etc / "slurm.conf").write_text(slurm_conf(self.layout))
        (etc / "gres.conf").write_text(gres_conf(self.layout))
        (etc / "cgroup.conf").write_text(cgroup_conf(self.layout))
        (etc / "hosts").write_text(hosts(self.layout))
        (etc / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (etc / "slurmdbd.conf").touch(0o600)
        (etc / "slurmdbd.conf").write_text(slurmdbd_conf(self.layout))
        (self.folder / "munge" / "key").touch(0o600)
        (self.folder / "munge" / "key").write_bytes(secrets.token_bytes(1024))

    def _open_the_door(self) -> None:
        """Connect this machine to the lab's bridge. The link ends with the lab's network."""
        assert self.space
        outside = f"lab{self.space.pid}"
        address = f"{self.layout.network}.254/24"
        inside = [*self.space.enter(), "ip", "link", "set", "door", "master", "lab", "up"]
        for words in (
            [
                "ip",
                "link",
                "add",
                outside,
                "type",
                "veth",
                "peer",
                "name",
                "door",
                "netns",
                str(self.space.pid),
            ],
            inside,
            ["ip", "addr", "add", address, "dev", outside],
            ["ip", "link", "set", outside, "up"],
        ):
            self._ask(*words)

    def _start_munge(self) -> None:
        munge = self.folder / "munge"
        files = [
            f"--{each}={munge / each}" for each in ("socket", "key-file", "pid-file", "log-file", "seed-file")
        ]
        files[1] = f"--key-file={munge / 'key'}"
        self._spawn("munged", ["munged", "--foreground", "--force", *files])
        self._wait(
            lambda: "MUNGE" in self._ask("munge", "-n", f"--socket={munge / 'socket'}"), "munged", "munged"
        )

    def _start_mariadb(self) -> None:
        data, socket = self.folder / "mysql", self.folder / "run" / "mysql.sock"
        data.mkdir()
        shutil.chown(data, "mysql")
        (self.folder / "run").chmod(0o777)
        small = [
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        make = ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}", "--skip-test-db"]
        self._ask(*make, "--auth-root-authentication-method=normal", *small)
        where = [f"--datadir={data}", f"--socket={socket}", "--bind-address=127.0.0.1"]
        options = [f"--port={self.layout.ports.mariadb}", "--innodb-lock-wait-timeout=900", "--skip-log-bin"]
        self._spawn("mariadbd", ["mariadbd", "--no-defaults", "--user=mysql", *where, *options, *small])
        ask = ["mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "--execute"]
        self._wait(lambda: "1" in self._ask(*ask, "SELECT 1"), "mariadbd", "mariadbd")
        self._ask(
            *ask,
            "CREATE DATABASE slurm_acct_db; CREATE USER 'slurm'@'%' IDENTIFIED BY 'slurm';"
            " GRANT ALL ON slurm_acct_db.* TO 'slurm'@'%';",
        )

    def _associations(self) -> None:
        """Cluster, accounts, QOS: they must be there before slurmctld starts, since it enforces them."""
        manage = ["sacctmgr", "-i", "-Q", "add"]
        self._ask(*manage, "cluster", CLUSTER)
        self._ask(*manage, "qos", ",".join(QOS))
        for account, qos in ACCOUNTS.items():
            self._ask(*manage, "account", account, f"Description={account}", "Organization=lab")
            default = [f"DefaultAccount={account}"] if account == "research" else []
            self._ask(*manage, "user", "root", f"Account={account}", *default, f"QOS={','.join(qos)}")

    def _limits(self) -> None:
        """Limits of the QOS: only slurmctld tells accounting that there are GPUs to be limited."""
        for name, limits in QOS.items():
            self._ask("sacctmgr", "-i", "-Q", "modify", "qos", name, "set", *limits.split())
