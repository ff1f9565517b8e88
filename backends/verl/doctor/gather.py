"""The probes: everything that is read from the machine, each within a time limit, all at once.

Nothing is written, nothing of the spec's folder is run, and no package of the environment is imported: its Python is
started to list the metadata of what is installed.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from toolspec.backends.verl.doctor.needs import Needs
from toolspec.backends.verl.doctor.snapshot import (
    Absent,
    Disk,
    Gpu,
    Gpus,
    Interpreter,
    Limit,
    ModelFiles,
    Session,
    Snapshot,
)
from toolspec.backends.verl.package_version import normal
from toolspec.compiler.facts.hub_cache import find_snapshot

T = TypeVar("T")

SECONDS = 15.0
"""For all probes together: they run side by side. nvidia-smi takes several where the driver is not kept loaded."""
PORTS = (6379, 8265)
VARIABLES = (
    *("RAY_ADDRESS", "CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID", "LC_ALL", "LC_CTYPE", "LANG", "PYTHONUTF8"),
    *("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HOME", "WANDB_MODE", "RAY_TMPDIR", "TMPDIR"),
)
MOST_OUTPUT = 4 << 20  # bytes
# Run by the Python in question. The working folder leaves the path before anything is imported from it.
LIST_PACKAGES = """\
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import json
from importlib import metadata
found = {}
for each in metadata.distributions():
    try:
        name, version = each.metadata["Name"], each.version
    except Exception:
        continue
    if name and version:
        found.setdefault(name, version)
said = {"executable": sys.executable, "version": ".".join(map(str, sys.version_info[:3]))}
print(json.dumps({**said, "packages": found, "encoding": sys.stdout.encoding}))
"""
NVIDIA_QUERY = ("--query-gpu=name,memory.total,memory.used,driver_version", "--format=csv,noheader,nounits")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


def gather(needs: Needs, python: str | None = None) -> Snapshot:
    """The snapshot of this machine, in at most SECONDS. A probe that fails or hangs is Absent; nothing is raised.

    python: the interpreter that will run verl, default `python3` on the path, which is what launch.sh runs.
    """
    places = dict(needs.folders)
    places |= {"/dev/shm": Path("/dev/shm"), "/tmp": Path(os.environ.get("RAY_TMPDIR") or "/tmp")}
    asked: dict[str, Callable[[], Any]] = {
        "interpreter": lambda: interpreter(python),
        "gpus": gpus,
        "sessions": lambda: sessions(places["/tmp"] / "ray"),
        "address": lambda: address(socket.gethostname()),
        "memory": lambda: os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "model": lambda: model_files(needs),
        "newest": lambda: needs.spec.stat().st_mtime if needs.spec is not None else None,
        **{f"disk {name}": _bound(disk, place) for name, place in places.items()},
        **{f"port {port}": _bound(listens, port) for port in PORTS},
    }
    found = together(asked, SECONDS)
    newest = found["newest"]
    return Snapshot(
        interpreter=found["interpreter"],
        gpus=found["gpus"],
        disks={name: found[f"disk {name}"] for name in places},
        limits=limits(),
        ports={port: found[f"port {port}"] for port in PORTS},
        sessions=found["sessions"],
        address=found["address"],
        hostname=socket.gethostname(),
        memory=found["memory"],
        now=time.time(),
        newest_file=None if isinstance(newest, Absent) else newest,
        model=found["model"],
        variables=variables(needs, os.environ),
    )


def _bound(probe: Callable[[Any], T], value: Any) -> Callable[[], T]:
    return lambda: probe(value)


def together(probes: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, Any]:
    """What each probe returns, run in threads of its own: a file system that hangs, hangs only its own probe."""
    found: dict[str, Any] = {}

    def run(name: str, probe: Callable[[], Any]) -> None:
        try:
            found[name] = probe()
        except Exception as error:
            found[name] = Absent((str(error) or type(error).__name__).splitlines()[0][:200])

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in probes.items()]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    answers = dict(found)
    return {name: answers.get(name, Absent(f"no answer in {seconds:.0f} s")) for name in probes}


def output(*command: str) -> str:
    """What a command prints, run in the root folder. Raises OSError and ValueError with the reason."""
    try:
        answer = subprocess.run(
            command, capture_output=True, cwd="/", stdin=subprocess.DEVNULL, timeout=SECONDS - 1, check=False
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{Path(command[0]).name} gave no answer in {SECONDS - 1:.0f} s") from None
    text = answer.stdout[:MOST_OUTPUT].decode("utf-8", "replace")
    if answer.returncode:
        said = (answer.stderr.decode("utf-8", "replace") + text).strip().splitlines()
        raise ValueError(f"{Path(command[0]).name}: {said[-1] if said else f'exit {answer.returncode}'}")
    return text


def interpreter(python: str | None) -> Interpreter:
    """Raises OSError or ValueError where it does not run."""
    found = shutil.which(os.path.expanduser(python or "python3"))  # noqa: PTH111
    if found is None:
        raise ValueError(f"there is no {python or 'python3'} to run")
    # The name stays as it is: the python of a virtual environment is a link to one without its packages.
    return read_interpreter(output(os.path.abspath(found), "-c", LIST_PACKAGES))  # noqa: PTH100


def read_interpreter(text: str) -> Interpreter:
    """What LIST_PACKAGES prints, behind whatever else was. Raises ValueError, LookupError, TypeError."""
    told = json.loads(text.splitlines()[-1])
    packages = {normal(str(name)): str(version) for name, version in told["packages"].items()}
    return Interpreter(str(told["executable"]), str(told["version"]), packages, str(told["encoding"]))


def gpus() -> Gpus | Absent:
    found = shutil.which("nvidia-smi")
    if found is None:
        return Absent("there is no nvidia-smi here (a login node?)")
    return parse_gpus(output(found, *NVIDIA_QUERY), output(found))


def parse_gpus(query: str, overview: str) -> Gpus | Absent:
    """query: lines of name, MiB, MiB used, driver. overview: nvidia-smi's page, whose head names the CUDA version."""
    listed: list[Gpu] = []
    driver = ""
    for line in query.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 4 and parts[1].isdigit():
            listed.append(Gpu(parts[0], int(parts[1]), int(parts[2]) if parts[2].isdigit() else 0))
            driver = parts[3]
    if not listed:
        return Absent(
            f"nvidia-smi names no GPU: {query.strip().splitlines()[0][:100] if query.strip() else ''}"
        )
    _, _, after = overview.partition("CUDA Version:")
    return Gpus(driver, after.split()[0] if after.split() else "", tuple(listed))


def disk(place: Path) -> Disk:
    """Of the nearest folder that is there. Raises OSError."""
    there = next(folder for folder in (place, *place.parents) if folder.is_dir())
    stats = os.statvfs(there)
    free, total = stats.f_bavail * stats.f_frsize, stats.f_blocks * stats.f_frsize
    return Disk(str(there), free, total, file_system(there), os.access(there, os.W_OK))


def file_system(place: Path) -> str:
    """The kind of file system that a folder lies on (Linux), "" elsewhere."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return ""
    real = os.path.realpath(place)
    best, kind = "", ""
    for line in mounts.read_text("utf-8", "replace").splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        point = words[1].replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, words[2]
    return kind


def limits() -> dict[str, Limit]:
    known = {"nofile": "RLIMIT_NOFILE", "nproc": "RLIMIT_NPROC", "memlock": "RLIMIT_MEMLOCK"}
    found = {}
    for name, constant in known.items():
        if hasattr(resource, constant):
            soft, hard = resource.getrlimit(getattr(resource, constant))
            none = resource.RLIM_INFINITY
            found[name] = Limit(-1 if soft == none else soft, -1 if hard == none else hard)
    return found


def listens(port: int) -> bool:
    """Whether something on this machine answers at the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def sessions(folder: Path) -> tuple[Session, ...]:
    """Ray's session folders. One is alive where a raylet of this machine has its name in its arguments."""
    if not folder.is_dir():
        return ()
    running = _ray_arguments()
    return tuple(
        Session(each.name, each.stat().st_uid == os.getuid(), any(each.name in line for line in running))
        for each in sorted(folder.glob("session_2*"))
        if each.is_dir()
    )


def _ray_arguments() -> tuple[str, ...]:
    if platform.system() != "Linux":
        return ()
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if "raylet" in line or "gcs_server" in line:
            found.append(line)
    return tuple(found)


def address(name: str) -> str:
    """Raises OSError where nothing knows the name."""
    return str(socket.getaddrinfo(name, None)[0][4][0])


def model_files(needs: Needs) -> ModelFiles | Absent:
    if needs.model is None:
        return Absent("no spec")
    folder = Path(needs.model)
    if not (needs.model.startswith("/") and folder.is_dir()):
        found = find_snapshot(needs.model, needs.revision)
        if found is None:
            return Absent(f"{needs.model} is not in the Hugging Face cache")
        folder = found
    return ModelFiles(str(folder), any(next(folder.glob(kind), None) is not None for kind in WEIGHTS))


def variables(needs: Needs, environment: Mapping[str, str]) -> dict[str, str]:
    """What of the environment the checks read. Of a secret only that it is set."""
    shown = {name: environment[name] for name in VARIABLES if environment.get(name)}
    secret = ("WANDB_API_KEY", *needs.secrets)
    shown |= {name: "set" for name in secret if environment.get(name)}
    home = environment.get("HOME", "")
    if "wandb" in needs.tracked and home and _names_wandb(Path(home) / ".netrc"):
        shown["wandb login"] = "set"
    return shown


def _names_wandb(netrc: Path) -> bool:
    try:
        return netrc.is_file() and b"api.wandb.ai" in netrc.read_bytes()[: 1 << 16]
    except OSError:
        return False
