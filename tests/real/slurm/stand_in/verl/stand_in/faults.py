"""What can go wrong, each in the way in which it goes wrong in a real run.

kind              what happens                                             seen from outside
exit              the driver ends with `code`                              that exit code
kill              the driver is killed by SIGKILL                          137
kill_runner       the task runner's process is killed                      Ray's ActorDiedError, exit 1
exception         the trainer raises                                       Ray's RayTaskError with a traceback, exit 1
cuda_oom          a worker's GPU is full                                   torch.OutOfMemoryError in it, exit 1
host_oom          a worker takes memory until it is killed, at most `bytes`
hang              nothing more happens
half_checkpoint   the task runner dies when the model of rank 0 is written, no more
truncated         a model file lacks its end, though the tracker names the checkpoint; then exit 1
enospc            the disk is full while a checkpoint is written           OSError 28, exit 1
kill_raylet       Ray's process on node `node` is killed
kill_gcs          Ray's head loses its control process                     nothing for a minute: Ray waits for it
                                                                           ($RAY_gcs_rpc_server_reconnect_timeout_s)
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import NoReturn

from verl.stand_in.plan import Fault, Plan

WHILE_SAVING = ("half_checkpoint", "truncated", "enospc")
IN_A_WORKER = ("cuda_oom", "host_oom", "kill_raylet", "kill_gcs")
CHUNK = 32 << 20
# The words of torch 2.x (c10/cuda/CUDACachingAllocator.cpp).
CUDA = (
    "CUDA out of memory. Tried to allocate 2.32 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.46 GiB is "
    "free. Including non-PyTorch memory, this process has 77.64 GiB memory in use. Of the allocated memory 71.90 GiB "
    "is allocated by PyTorch, and 3.55 GiB is reserved by PyTorch but unallocated. If reserved but unallocated memory "
    "is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation "
    "for Memory Management  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)"
)


def due(plan: Plan, step: int, saving: bool = False) -> Fault | None:
    """The fault of this step, if it is not used up; counted in the run's folder, since a restart remembers nothing."""
    for fault in plan.faults:
        here = fault.run in Path(plan.run).name
        if here and fault.at == step and (fault.kind in WHILE_SAVING) == saving:
            counter = Path(plan.run or ".") / f"stand_in.fault-{fault.number}"
            if not counter.exists() or counter.stat().st_size < fault.times:
                with counter.open("a") as file:
                    file.write(".")
                return fault
    return None


def out_of_gpu_memory() -> NoReturn:
    """Raise what torch raises, under its name, without torch."""
    error = type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})
    raise error(CUDA)


def out_of_memory(most: int) -> NoReturn:
    """Take memory that is really used until somebody ends this."""
    held = []
    for _ in range(most // CHUNK):
        held.append(bytearray(b"x") * CHUNK)
        time.sleep(0.01)
    raise MemoryError(f"{most} bytes taken, and nobody minded")


def kill_by_name(name: str) -> bool:
    """Kill a process of this job on this node by its name (the kernel cuts it at 15 characters)."""
    job = f"SLURM_JOB_ID={os.environ.get('SLURM_JOB_ID', '')}".encode()
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or (entry / "comm").read_text().strip() != name[:15]:
                continue
            if job in (entry / "environ").read_bytes().split(b"\0") or job.endswith(b"="):
                os.kill(int(entry.name), signal.SIGKILL)
                return True
        except OSError:
            continue
    return False
