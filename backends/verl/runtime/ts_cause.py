"""Why a run ended, read off its exit code and the end of its log: what kind of fault, in which words, what to change.

The words are those of verl's, Ray's, torch's, sglang's, vllm's, NCCL's and Slurm's own errors; the last that is found
counts, save that a full disk or memory is told before what followed from it. What was said before the last step that
was logged did not end the run: a tool's MemoryError, a logger without space. A signature is the same for the same
fault: digits, units, addresses and paths are taken out of its words.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

TAIL_BYTES = 1 << 20


class Cause(NamedTuple):
    """kind: docs/runs.md has them. message: one line. fix: the smallest change, or "". signature: to compare by."""

    kind: str
    message: str
    fix: str = ""
    signature: str = ""


class _Sign(NamedTuple):
    kind: str
    words: re.Pattern[str]
    fix: str


_LESS_MEMORY = (
    "train.offload: true, a smaller budget.trajectory_tokens or train.token_budget, or rollout.gpu_memory"
)
_MORE_MEMORY = (
    "more host memory (cluster.slurm.memory), or train.offload without the part that is offloaded now"
)
_SHARED = "a larger /dev/shm of the nodes or the container: Ray's object store and workers of data loaders lie there"
# In this order: a full disk or a host without memory makes torch and Ray fail in many words of their own.
SIGNS = (
    _Sign(
        "host-memory",
        re.compile(
            r"(?:(?:/dev/shm|</torch_)[^\n]{0,200}No space left|No space left[^\n]{0,200}/dev/shm"
            r"|insufficient shared memory|\bObjectStoreFullError)[^\n]*"
        ),
        _SHARED,
    ),
    _Sign(
        "disk",
        re.compile(
            r"(?:No space left on device|\bENOSPC\b|Disk quota exceeded|PytorchStreamWriter failed"
            r"|\bOutOfDiskError\b)[^\n]*"
        ),
        "free space where the run folder lies, or checkpoint.keep: a smaller number",
    ),
    _Sign(
        "host-memory",
        re.compile(
            r"(?:oom[-_]kill event|Out Of Memory\b[^\n]{0,200}(?:slurmstepd|step)"
            r"|ray\.exceptions\.OutOfMemoryError|killed due to memory pressure|due to the node running low on memory"
            r"|\b(?:_Array|Arrow)?MemoryError\b|Cannot allocate memory|std::bad_alloc"
            r"|exceeded (?:job|step) memory limit|DefaultCPUAllocator: (?:can't allocate|not enough) memory)[^\n]*"
        ),
        _MORE_MEMORY,
    ),
    # What is left over for the engine is too little: giving it less would not help.
    _Sign(
        "gpu-memory",
        re.compile(
            r"(?:No available memory for the cache blocks|Not enough memory\. Please try to increase --mem"
            r"|KV cache is needed, which is larger than the available"
            r"|larger than the maximum number of tokens that can be stored in KV cache)[^\n]*"
        ),
        "a larger rollout.gpu_memory, or a smaller budget.trajectory_tokens",
    ),
    _Sign(
        "gpu-memory",
        re.compile(r"Free memory on device[^\n]{0,100} on startup is less than desired[^\n]*"),
        "a smaller rollout.gpu_memory, train.offload: true, or nothing else on the GPUs",
    ),
    _Sign(
        "gpu-memory",
        re.compile(
            r"(?:torch\.(?:cuda\.)?OutOfMemoryError|CUDA out of memory|HIP out of memory"
            r"|CUDA (?:driver )?[Ee]rror: out of memory|CUresult error: 2\b|(?:Prefill|Decode) out of memory"
            r"|CUBLAS_STATUS_ALLOC_FAILED|NCCL[^\n]{0,200}out of memory)[^\n]*"
        ),
        _LESS_MEMORY,
    ),
    _Sign(
        "nccl",
        re.compile(
            r"(?:ncclSystemError|ncclRemoteError|ncclInternalError|ncclUnhandledCudaError"
            r"|Watchdog caught collective operation timeout|NCCL communicator was aborted"
            r"|Dist(?:Backend|Network|Store)Error|gloo/transport/)[^\n]*"
        ),
        "",
    ),
    _Sign(
        "gpu",
        re.compile(
            r"(?:CUDA error: (?:uncorrectable ECC|an illegal memory access|unspecified launch failure"
            r"|device-side assert|no CUDA-capable device|invalid device ordinal)"
            r"|GPU has fallen off the bus|Xid \(PCI)[^\n]*"
        ),
        "",
    ),
    _Sign(
        "nodes",
        re.compile(
            # An actor that raised in its __init__ died of that error, which stands behind these words.
            r"(?:ray\.exceptions\.(?:ActorDiedError(?!: The actor died because of an error raised in its creation)"
            r"|ActorUnavailableError|RayActorError|NodeDiedError|LocalRayletDiedError"
            r"|RaySystemError|OwnerDiedError|WorkerCrashedError|ObjectLostError)"
            r"|The node this task was running on was dead|has been marked dead|Failed to connect to GCS"
            r"|GCS.{0,40}(?:died|unreachable)|raylet.{0,40}died)[^\n]*"
        ),
        "",
    ),
)
# A failure that the same job may not meet again.
TRANSIENT = frozenset({"nccl", "gpu", "nodes", "ray", "killed"})
# Phases of a step, as verl's methods are named, innermost last in a traceback.
_PHASE = re.compile(
    r"\b(?:in |\.)(?:actor_|rollout_|ref_|critic_)*"
    r"(update_actor|update_critic|update_policy|compute_log_prob|compute_ref_log_prob|compute_values"
    r"|generate_sequences|save_checkpoint|load_checkpoint|init_model|update_weights|_build_model_optimizer)\b"
)
_LAST = re.compile(
    r"^(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning|Died|NotFound|Timeout)\b(?:: .*)?$"
)
_STYLES = re.compile(r"\x1b\[[0-9;]*m")
_FROM = re.compile(r"^\((?:[\w.:<>]+ )?pid=\d+[^)]*\) ?")
_VARYING = re.compile(
    r"0x[0-9a-fA-F]+|(?<=['\" (<=:])/[^\s'\"<>)]*|\b[0-9a-f]{16,}\b|\d+(?:\.\d+)?(?: ?(?:[KMGT]i?B|bytes|ms|s)\b)?"
)
_STEP = re.compile(r"^step:\d+ - .*$", re.MULTILINE)


def tail(log: Path | None, begin: int) -> str:
    """The last MiB of what was written behind byte `begin`, without styles and without Ray's `(Task pid=…)`."""
    if log is None:
        return ""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(min(begin, size), size - TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(_FROM.sub("", line) for line in _STYLES.sub("", text).splitlines())


def cause_of(code: int, log: str) -> Cause:
    """The cause of an end with exit code `code` (as a shell gives it). log: see `tail`."""
    if code == 0:
        return Cause("done", "ended by itself")
    steps = list(_STEP.finditer(log))
    if found := _said(log[steps[-1].end() :] if steps else log):
        return found
    # Ray tells what a worker says a moment late: an error may stand before the step that it followed.
    if steps and code <= 128 and (found := _said(log)):
        return found
    if code > 128:
        message = f"ended by signal {code - 128}" + (
            ", as the kernel does where memory is short" if code == 137 else ""
        )
        return Cause("killed", message, _MORE_MEMORY if code == 137 else "", signature("killed", str(code)))
    return Cause("error", f"exit code {code}, and no error in the log", "", f"error:exit {code}")


def _said(log: str) -> Cause | None:
    for sign in SIGNS:
        if found := list(sign.words.finditer(log)):
            return _told(sign, found[-1], log)
    last = next((line.strip() for line in reversed(log.splitlines()) if _LAST.match(line.strip())), "")
    return Cause("error", last[:300], "", signature("error", last)) if last else None


def short_of_memory(cause: Cause, host: str) -> Cause:
    """The cause where the kernel killed a process of the job on `host` ("" for nowhere) for want of memory.

    What is said of it is that a worker died, or nothing at all: that tells of its effect.
    """
    if not host or cause.kind not in ("nodes", "killed", "error"):
        return cause
    message = f"the kernel killed a process on {host} for want of memory: {cause.message}"
    return Cause("host-memory", message[:300], _MORE_MEMORY, "host-memory:killed by the kernel")


def _told(sign: _Sign, found: re.Match[str], log: str) -> Cause:
    # Which file, and who said it, stand before the words.
    begin = max(log.rfind("\n", 0, found.start()) + 1, found.start() - 150)
    line = log[begin if sign.kind in ("disk", "host-memory") else found.start() : found.end()].strip()[:300]
    phases = _PHASE.findall(log, max(0, found.start() - 20000), found.start())
    where = f" in {phases[-1]}" if phases and sign.kind.endswith("memory") else ""
    return Cause(sign.kind, line + where, sign.fix, signature(sign.kind, line + where))


def signature(kind: str, words: str) -> str:
    return f"{kind}:{_VARYING.sub('#', words)[:200]}"
