"""Checks of GPUs, limits, network, Ray and secrets. Facts about Ray are of 2.60."""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolspec.backends.verl.doctor.needs import Needs
from toolspec.backends.verl.doctor.snapshot import Absent, Gpus, Interpreter, Line, Snapshot
from toolspec.compiler.facts.catalogue import find_gpu

BUSY_MIB = 1024
"""GPU memory in use above which somebody else works there: an idle driver keeps less."""
NEAR = 0.95
"""Share of the expected memory that counts as the same GPU: drivers keep some back."""
LEAST_FILES = 4096
"""Below it Ray warns of connection errors; it raises the soft limit by itself (ray/_private/worker.py:1763-1781)."""
LEAST_PROCESSES = 4096
"""Threads count too, and Ray starts hundreds for each worker."""
CLOCK_SECONDS = 60


def gpus(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """How many, and of the type that the spec names."""
    if isinstance(seen.gpus, Absent):
        why = "" if needs.gpus is None else f"the spec wants {needs.gpus} on each of {needs.nodes} node(s)"
        yield Line(
            "gpus", "unknown", seen.gpus.reason, why, "run doctor inside a job, on the node that trains"
        )
        return
    there = seen.gpus.gpus
    names = sorted({gpu.name for gpu in there})
    shown = f"{len(there)} × {', '.join(names)}, {min(gpu.memory_mib for gpu in there) / 1024:.0f} GiB"
    if needs.gpus is not None and len(there) < needs.gpus:
        why = f"cluster.gpus is {needs.gpus}: Ray waits for GPUs that never come"
        yield Line("gpus", "error", shown, why, f"cluster: {{gpus: {len(there)}}}, or another node")
    elif needs.gpu is not None and (why := _other_type(needs, seen.gpus)):
        yield Line("gpus", "warning", shown, why, "say the type that is there in cluster.gpu")
    elif len(names) > 1:
        why = "the slowest and the smallest of them sets the pace and the memory"
        yield Line("gpus", "warning", shown, why)
    else:
        yield Line("gpus", "ok", shown)
    visible = seen.variables.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and needs.gpus is not None and len(visible.split(",")) < needs.gpus:
        why = f"Ray uses only these, and cluster.gpus is {needs.gpus}"
        yield Line("CUDA_VISIBLE_DEVICES", "error", visible, why, "unset it, or ask the scheduler for more")
    busy = [f"{number}: {gpu.used_mib} MiB" for number, gpu in enumerate(there) if gpu.used_mib > BUSY_MIB]
    if busy:
        why = "the engine takes its share of the whole memory, and what others hold is missing then"
        yield Line(
            "gpu memory", "warning", f"in use on {', '.join(busy)}", why, "nvidia-smi shows the processes"
        )


def _other_type(needs: Needs, seen: Gpus) -> str:
    for gpu in seen.gpus:
        found = find_gpu(gpu.name)
        if found is not None and found.name == needs.gpu:
            continue
        if needs.gpu_mib is not None and gpu.memory_mib < NEAR * needs.gpu_mib:
            return f"cluster.gpu is {needs.gpu}, with {needs.gpu_mib / 1024:.0f} GiB"
        if found is not None and found.title != needs.gpu_title:
            return f"cluster.gpu is {needs.gpu}"
    return ""


def driver(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """What torch was built for runs on a driver of the same CUDA major version (CUDA's minor version compatibility)."""
    if isinstance(seen.interpreter, Interpreter) and "+cpu" in seen.interpreter.packages.get("torch", ""):
        why = "torch is built without CUDA"
        fix = "install a CUDA build of torch; toolspec doctor --constraints shows the version"
        yield Line("torch build", "error", seen.interpreter.packages["torch"], why, fix)
    if isinstance(seen.gpus, Absent):
        return
    wanted = _torch_cuda(seen.interpreter)
    shown = f"{seen.gpus.driver}, CUDA {seen.gpus.cuda or 'unknown'}"
    if not wanted or not seen.gpus.cuda:
        yield Line("driver", "unknown", shown, "which CUDA torch is built for is not known")
    elif int(seen.gpus.cuda.split(".")[0]) < int(wanted.split(".")[0]):
        why = f"torch is built for CUDA {wanted}, which this driver cannot run"
        yield Line(
            "driver", "error", shown, why, f"a driver for CUDA {wanted.split('.')[0]}, or another torch"
        )
    else:
        yield Line("driver", "ok", shown)


def _torch_cuda(python: Interpreter | Absent) -> str:
    """`13.0`: of the version's local part (`+cu130`), else of the CUDA runtime that came with it; "" for neither."""
    if isinstance(python, Absent):
        return ""
    if local := re.search(r"\+cu(\d+)(\d)$", python.packages.get("torch", "")):
        return f"{local[1]}.{local[2]}"
    for name in ("nvidia-cuda-runtime", "nvidia-cuda-runtime-cu13", "nvidia-cuda-runtime-cu12"):
        if match := re.match(r"\d+\.\d+", python.packages.get(name, "")):
            return match[0]
    return ""


def limits(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """nofile, nproc and memlock of this shell; a Slurm job has those of its node."""
    for name, least, why in (
        ("nofile", LEAST_FILES, "Ray opens a file for each connection, and warns below this"),
        ("nproc", LEAST_PROCESSES, "threads count too, and Ray starts hundreds for each worker"),
    ):
        limit = seen.limits.get(name)
        if limit is None:
            continue
        reachable = limit.hard if name == "nofile" else limit.soft
        state = "ok" if reachable == -1 or reachable >= least else "warning"
        shown = f"{_amount(limit.soft)}, at most {_amount(limit.hard)}"
        flag = "n" if name == "nofile" else "u"
        if state == "ok":
            yield Line(f"ulimit {name}", "ok", shown)
        else:
            fix = f"ulimit -{flag} {2 * least}, or ask for it in limits.conf"
            yield Line(f"ulimit {name}", "warning", shown, f"{why} ({least})", fix)
    memlock = seen.limits.get("memlock")
    if memlock is None:
        return
    if needs.nodes is not None and needs.nodes > 1 and memlock.soft != -1:
        why = "over InfiniBand NCCL pins memory, and fails where that is limited"
        fix = "ulimit -l unlimited; under Slurm PropagateResourceLimitsExcept=MEMLOCK"
        yield Line("ulimit memlock", "warning", f"{memlock.soft >> 10} KiB", why, fix)
    else:
        shown = "unlimited" if memlock.soft == -1 else f"{memlock.soft >> 10} KiB"
        yield Line("ulimit memlock", "ok", shown)


def _amount(number: int) -> str:
    return "unlimited" if number == -1 else str(number)


def ray(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """What of another Ray this run would meet: an address, a session that lives, ports that are taken, old folders."""
    single = needs.nodes == 1
    address = seen.variables.get("RAY_ADDRESS")
    if address and single:
        why = "the run joins that cluster; there verl's ray_init.num_cpus must be null, or Ray refuses"
        yield Line("RAY_ADDRESS", "warning", address, why, "unset RAY_ADDRESS")
    elif address:
        yield Line("RAY_ADDRESS", "ok", address)
    if isinstance(seen.sessions, Absent):
        yield Line("ray sessions", "unknown", seen.sessions.reason)
    else:
        yield from _sessions(seen, single)
    for port, name in ((6379, "Ray's head"), (8265, "Ray's dashboard")):
        taken = seen.ports.get(port)
        if isinstance(taken, Absent) or taken is None:
            yield Line(f"port {port}", "unknown", "not probed" if taken is None else taken.reason)
        elif taken:
            why = f"it is the port of {name}: a run of somebody else, which yours would join or fail beside"
            yield Line(f"port {port}", "warning", "taken", why, "another --port for `ray start --head`")
        else:
            yield Line(f"port {port}", "ok", "free")


def _sessions(seen: Snapshot, single: bool) -> Iterator[Line]:
    assert not isinstance(seen.sessions, Absent)
    alive = [each for each in seen.sessions if each.alive]
    foreign = [each for each in seen.sessions if not each.mine]
    shown = f"{len(seen.sessions)} in Ray's folder, {len(alive)} alive" if seen.sessions else "none"
    if any(each.mine for each in alive) and single:
        why = "without RAY_ADDRESS `ray.init` joins the cluster started here last (ray/_private/services.py:413)"
        yield Line("ray sessions", "warning", shown, why, "ray stop, unless the run is meant to join it")
    elif foreign and len(foreign) == len(seen.sessions):
        why = "Ray's folder belongs to another user, and yours cannot write there"
        yield Line("ray sessions", "warning", shown, why, "export RAY_TMPDIR=/tmp/ray-$USER")
    elif len(seen.sessions) - len(alive) > 20:
        why = "folders of runs that ended; their logs fill the disk"
        yield Line("ray sessions", "warning", shown, why, "remove the old ones under /tmp/ray")
    else:
        yield Line("ray sessions", "ok", shown)


def host(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """The name must lead to an address that other nodes reach."""
    if isinstance(seen.address, Absent):
        why = "Ray and torch.distributed look their own machine up by its name"
        yield Line(
            "hostname", "warning", f"{seen.hostname}: {seen.address.reason}", why, "an entry in /etc/hosts"
        )
    elif needs.nodes is not None and needs.nodes > 1 and seen.address.startswith("127."):
        why = "on several nodes the name must lead to an address that the others reach"
        fix = "an entry in /etc/hosts, or export GLOO_SOCKET_IFNAME and NCCL_SOCKET_IFNAME"
        yield Line("hostname", "warning", f"{seen.hostname} is {seen.address}", why, fix)
    else:
        yield Line("hostname", "ok", f"{seen.hostname} is {seen.address}")


def clock(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """A file of the future means that this machine's clock, or that of the file server, is wrong."""
    if seen.newest_file is None:
        return
    ahead = seen.newest_file - seen.now
    if ahead > CLOCK_SECONDS:
        why = "the spec was written in this machine's future: one of the clocks is wrong, and logs will not agree"
        yield Line(
            "clock", "warning", f"{ahead:.0f} s behind the spec's file", why, "set the clock (chrony, ntp)"
        )
    else:
        yield Line("clock", "ok", "not behind the spec's file")


def text(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """Prompts and rollouts are printed: an ASCII stream kills the worker that prints one."""
    if isinstance(seen.interpreter, Absent):
        return
    encoding = seen.interpreter.encoding
    if encoding.lower().replace("-", "") == "utf8":
        yield Line("encoding", "ok", encoding)
    else:
        why = "prompts and samples are printed, and a character that the stream lacks ends the worker"
        yield Line("encoding", "warning", encoding, why, "export LC_ALL=C.UTF-8")


def secrets(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """WANDB_API_KEY where runs are tracked there, and every name that the spec passes on."""
    known = seen.variables
    if "wandb" in needs.tracked:
        offline = known.get("WANDB_MODE", "") in ("offline", "disabled", "dryrun")
        if "WANDB_API_KEY" in known or "wandb login" in known:
            yield Line("WANDB_API_KEY", "ok", "set" if "WANDB_API_KEY" in known else "in ~/.netrc")
        elif offline:
            yield Line("WANDB_API_KEY", "ok", f"not needed: WANDB_MODE={known['WANDB_MODE']}")
        else:
            why = "wandb starts only after everything is loaded, and ends the run then"
            fix = "export WANDB_API_KEY=…, or WANDB_MODE=offline"
            yield Line("WANDB_API_KEY", "error", "not set", why, fix)
    for name in needs.secrets:
        if name == "WANDB_API_KEY" and "wandb" in needs.tracked:
            continue
        if name in known:
            yield Line(name, "ok", "set")
        else:
            yield Line(
                name,
                "error",
                "not set",
                "the spec passes it on, and launch.sh insists on it",
                f"export {name}=…",
            )


MACHINE = (gpus, driver, limits, ray, host, clock, text, secrets)
