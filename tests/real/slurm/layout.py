"""What a lab is made of, and Slurm's configuration for it as text. Nothing is run or written here."""

from __future__ import annotations

from typing import NamedTuple

CLUSTER = "lab"
# Seconds, as small as they work on two busy cores: a slurmd that is asked while Ray starts answers late.
SLURMD_TIMEOUT = 10
KILL_WAIT = 5
MIN_JOB_AGE = 20  # a finished job is forgotten by slurmctld after 20 to 40
CREDENTIAL_EXPIRE = 5  # a requeued job starts again after this and one more
GRACE_TIME = 5
ACCOUNTS = {"research": ("normal", "high", "small", "strict"), "guest": ("normal",)}
QOS = {
    "high": "Priority=100",
    "small": "MaxTRESPerJob=gres/gpu=8",  # a larger job waits for ever: QOSMaxGRESPerJob
    "strict": "MaxTRESPerJob=gres/gpu=8 Flags=DenyOnLimit",  # a larger job is refused
}


class Ports(NamedTuple):
    """TCP ports. In namespaces they are the lab's own; on one host they are free ones."""

    slurmctld: int = 6817
    slurmdbd: int = 6819
    mariadb: int = 33061
    slurmd: tuple[int, ...] = ()  # one a node; empty: 6818 everywhere


class Layout(NamedTuple):
    """One lab. `folder` holds all of it; `network` is the first three numbers of its addresses."""

    folder: str
    nodes: int = 8
    gpus: int = 8
    cpus: int = 32
    memory: int = 256_000  # MiB that a node says it has
    accounting: bool = True
    namespaces: bool = True
    network: str = "127.0.0"
    host: str = "ctl"  # where slurmctld runs, by its own `hostname -s`
    cgroup: str = (
        ""  # folder of the memory cgroup (v1) of which the nodes have parts; "": slurmd polls what jobs use
    )
    ports: Ports = Ports()

    @property
    def controller(self) -> str:
        """Address of slurmctld and slurmdbd."""
        return f"{self.network}.1"

    @property
    def names(self) -> list[str]:
        """Names of the nodes: n1, n2, …"""
        return [f"n{number}" for number in range(1, self.nodes + 1)]

    def address(self, node: str) -> str:
        """Address of a node."""
        return f"{self.network}.{10 + int(node[1:])}" if self.namespaces else self.controller

    def port(self, node: str) -> int:
        """Port of a node's slurmd."""
        return self.ports.slurmd[int(node[1:]) - 1] if self.ports.slurmd else 6818


def slurm_conf(layout: Layout) -> str:
    """slurm.conf of the lab."""
    folder = layout.folder
    settings = {
        "ClusterName": CLUSTER,
        "SlurmctldHost": f"{layout.host}({layout.controller})",
        "SlurmctldPort": layout.ports.slurmctld,
        "SlurmUser": "root",
        "SlurmdUser": "root",
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={folder}/munge/socket,cred_expire={CREDENTIAL_EXPIRE}",
        "CredType": "cred/munge",
        "StateSaveLocation": f"{folder}/state",
        "SlurmdSpoolDir": f"{folder}/spool/%n",
        "SlurmctldPidFile": f"{folder}/run/slurmctld.pid",
        "SlurmdPidFile": f"{folder}/run/slurmd.%n.pid",
        "SlurmctldLogFile": f"{folder}/log/slurmctld.log",
        "SlurmdLogFile": f"{folder}/log/slurmd.%n.log",
        "SlurmctldDebug": "info",
        "SlurmdDebug": "info",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/cgroup" if layout.cgroup else "task/none",
        "JobAcctGatherType": "jobacct_gather/linux",
        "JobAcctGatherFrequency": 5 if layout.cgroup else 1,
        # Without cgroups slurmd looks at the memory of each step every second, and kills what has too much.
        **({} if layout.cgroup else {"JobAcctGatherParams": "OverMemoryKill,UsePss"}),
        "MpiDefault": "none",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_CPU_Memory",
        "SchedulerType": "sched/backfill",
        "SchedulerParameters": "bf_interval=2,sched_interval=2,batch_sched_delay=0,sched_min_interval=100000",
        "GresTypes": "gpu",
        "SlurmdParameters": "config_overrides",  # more CPUs and memory than this machine has
        "ReturnToService": 2,
        "SlurmdTimeout": SLURMD_TIMEOUT,
        "KillWait": KILL_WAIT,
        "MinJobAge": MIN_JOB_AGE,
        "MaxArraySize": 2048,
        "InactiveLimit": 0,
        "JobRequeue": 1,
        "PreemptType": "preempt/partition_prio",
        "PreemptMode": "REQUEUE",
    }
    if layout.accounting:
        settings |= {
            "AccountingStorageType": "accounting_storage/slurmdbd",
            "AccountingStorageHost": layout.controller,
            "AccountingStoragePort": layout.ports.slurmdbd,
            "AccountingStoragePass": f"{folder}/munge/socket",  # munge's, here; AuthInfo does not say it
            "AccountingStorageTRES": "gres/gpu",
            "AccountingStorageEnforce": "associations,limits,qos",
        }
    else:
        settings["AccountingStorageType"] = "accounting_storage/none"
    lines = [f"{key}={value}" for key, value in settings.items()]
    return "\n".join([*lines, *(_node(layout, node) for node in layout.names), *_partitions(layout), ""])


def _node(layout: Layout, node: str) -> str:
    host = node if layout.namespaces else layout.host
    last = node == layout.names[-1]
    return (
        f"NodeName={node} NodeHostname={host} NodeAddr={layout.address(node)} Port={layout.port(node)}"
        f" CPUs={layout.cpus} RealMemory={layout.memory} Gres=gpu:{layout.gpus} State=UNKNOWN"
        + (" Feature=nvlink" if last else "")
    )


def _partitions(layout: Layout) -> list[str]:
    """Tier by tier: `urgent` takes nodes from `gpu` by requeueing its jobs, `gpu` from `scavenge` by cancelling."""
    every = f"Nodes=n[1-{layout.nodes}] DefMemPerCPU=4000"
    last = f"Nodes={layout.names[-1]} DefMemPerCPU=4000"
    rows = {
        "gpu": f"{every} Default=YES MaxTime=1-0 DefaultTime=10 PriorityTier=10 PreemptMode=REQUEUE",
        "urgent": f"{every} MaxTime=60 PriorityTier=20 PreemptMode=OFF DenyAccounts=guest",
        "scavenge": f"{every} MaxTime=60 PriorityTier=1 PreemptMode=CANCEL GraceTime={GRACE_TIME}",
        "short": f"{every} MaxTime=2 DefaultTime=2 PriorityTier=10 PreemptMode=REQUEUE",
        "nvlink": f"{last} MaxTime=60 PriorityTier=10 PreemptMode=REQUEUE",
        "closed": f"{every} MaxTime=60 PriorityTier=10",
    }
    down = {"closed"}
    return [f"PartitionName={n} {r} State={'DOWN' if n in down else 'UP'}" for n, r in rows.items()]


def gres_conf(layout: Layout) -> str:
    """gres.conf: one distinct file a GPU, or Slurm does not set CUDA_VISIBLE_DEVICES."""
    return f"NodeName=n[1-{layout.nodes}] Name=gpu File={layout.folder}/dev/gpu[0-{layout.gpus - 1}]\n"


def cgroup_conf(layout: Layout) -> str:
    """cgroup.conf. slurmd 22.05 loads a plugin in any case; of v1's it does not ask that anything be mounted."""
    lines = ["CgroupPlugin=cgroup/v1", "CgroupAutomount=no"]
    if layout.cgroup:
        mounted = f"{layout.folder}/cgroup"
        lines += [f"CgroupMountpoint={mounted}", "ConstrainRAMSpace=yes", "AllowedRAMSpace=100"]
    return "\n".join([*lines, ""])


def slurmdbd_conf(layout: Layout) -> str:
    """slurmdbd.conf; the file must have mode 600."""
    settings = {
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={layout.folder}/munge/socket",
        "DbdHost": layout.host,
        "DbdAddr": layout.controller,
        "DbdPort": layout.ports.slurmdbd,
        "SlurmUser": "root",
        "LogFile": f"{layout.folder}/log/slurmdbd.log",
        "PidFile": f"{layout.folder}/run/slurmdbd.pid",
        "StorageType": "accounting_storage/mysql",
        "StorageHost": "127.0.0.1",
        "StoragePort": layout.ports.mariadb,
        "StorageUser": "slurm",
        "StoragePass": "slurm",
        "StorageLoc": "slurm_acct_db",
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def hosts(layout: Layout) -> str:
    """/etc/hosts as the lab sees it."""
    lines = ["127.0.0.1 localhost", f"{layout.controller} {layout.host}"]
    return "\n".join([*lines, *(f"{layout.address(node)} {node}" for node in layout.names), ""])
