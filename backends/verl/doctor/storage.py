"""Checks of disks, shared memory and the model's files."""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.doctor.needs import Needs
from toolspec.backends.verl.doctor.snapshot import Absent, Disk, Line, Snapshot

GIB = 1 << 30
RUN_FOLDER_BYTES = 5 * GIB
"""Rollouts, validation dumps and logs of a run of a few hundred steps are of this order."""
RAY_BYTES = 10 * GIB
"""Logs and spilled objects; Ray stops working at 95 % of a full disk."""
SHARED_MEMORY_BYTES = int(1e10 / 0.95) + 1
"""Ray lets its object store fall back to the disk below 10 GB of 95 % of what is free (ray/_private/utils.py:612)."""
NCCL_BYTES = 1 * GIB
"""A container's 64 MB are too little for NCCL's segments of several GPUs."""
# Bytes a parameter, by what a checkpoint holds. verl saves every rank's shard of the fp32 master copy, and Adam's two
# moments in fp32 (fsdp_checkpoint_manager.py of each release, save_checkpoint).
CONTENTS = {"model": 4, "optimizer": 8, "hf_model": 4}
LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "f2fs"})


def checkpoints(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """Free space against parameters × bytes × checkpoints at once, the arithmetic shown."""
    if needs.spec is None or not needs.saves:
        return
    disk = seen.disks.get("checkpoints", Absent("not probed"))
    if isinstance(disk, Absent):
        yield Line("checkpoints", "unknown", disk.reason)
        return
    shown = f"{_gib(disk.free)} free at {disk.place}"
    if not disk.writable:
        yield Line(
            "checkpoints",
            "error",
            shown,
            "this user cannot write there",
            "checkpoint.dir names another place",
        )
        return
    size, sum_ = estimate(needs)
    if size is None:
        yield Line("checkpoints", "unknown", shown, "the model's number of parameters is not known")
    elif size > disk.free:
        fix = "checkpoint: {keep: 2}, another dir, or contents without the optimizer"
        yield Line("checkpoints", "error", shown, f"{sum_}; the disk is full before the run ends", fix)
    elif needs.keep is None and 3 * size > disk.free:
        why = f"{sum_}, for each checkpoint; all are kept, and a third one does not fit"
        yield Line("checkpoints", "warning", shown, why, "checkpoint: {keep: 2}")
    else:
        yield Line("checkpoints", "ok", shown, sum_)


def estimate(needs: Needs) -> tuple[int | None, str]:
    """Bytes of the checkpoints that lie there at once, and the arithmetic; of one, where all are kept.

    With keep 1 the old one goes only after the new one is complete (checkpoint_manager.py, register_checkpoint): as
    much room as with 2, and an actor's old one goes before the critic's new one is there.
    A critic is taken to be of the policy's size. Of LoRA the base is saved too, its optimizer hardly weighs.
    """
    if needs.parameters is None:
        return None, ""
    each = sum(CONTENTS.get(name, 0) for name in needs.contents if not (needs.lora and name == "optimizer"))
    models = 2 if needs.critic else 1
    at_once = 1 if needs.keep is None else max(needs.keep, 2)
    size = needs.parameters * each * models * at_once
    of = " × 2 (policy and critic)" if needs.critic else ""
    many = "" if needs.keep is None else f" × {at_once} at once"
    return size, f"{needs.parameters / 1e9:.2f} G parameters × {each} bytes{of}{many} = {_gib(size)}"


def run_folder(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    if needs.spec is None:
        return
    disk = seen.disks.get("run folder", Absent("not probed"))
    yield from _room(
        "run folder", disk, RUN_FOLDER_BYTES, "rollouts and logs go there", "TOOLSPEC_RUNS names another"
    )


def temporary(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    disk = seen.disks.get("/tmp", Absent("not probed"))
    why = "Ray keeps its logs and what it spills there"
    yield from _room("/tmp", disk, RAY_BYTES, why, "export RAY_TMPDIR to a larger local disk (a short path)")


def _room(name: str, disk: Disk | Absent, least: int, why: str, fix: str) -> Iterator[Line]:
    if isinstance(disk, Absent):
        yield Line(name, "unknown", disk.reason)
        return
    shown = f"{_gib(disk.free)} free at {disk.place}"
    if not disk.writable:
        yield Line(name, "error", shown, f"{why}, and this user cannot write", fix)
    elif disk.free < least:
        yield Line(name, "warning", shown, f"{why}; {_gib(least)} is a usual need", fix)
    else:
        yield Line(name, "ok", shown)


def shared_memory(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """/dev/shm holds Ray's object store and NCCL's segments."""
    disk = seen.disks.get("/dev/shm", Absent("not probed"))
    if isinstance(disk, Absent):
        yield Line("/dev/shm", "unknown", disk.reason)
        return
    shown = f"{_gib(disk.free)} free of {_gib(disk.total)}"
    fix = "docker run --shm-size=32g, or mount -o remount,size=32g /dev/shm"
    if disk.free < NCCL_BYTES and (needs.gpus or 0) > 1:
        yield Line("/dev/shm", "error", shown, "too little for NCCL's segments of several GPUs", fix)
    elif disk.free < SHARED_MEMORY_BYTES and not _small_machine(seen):
        yield Line("/dev/shm", "warning", shown, "Ray's object store falls back to the disk, and crawls", fix)
    else:
        yield Line("/dev/shm", "ok", shown)


def _small_machine(seen: Snapshot) -> bool:
    """Whether Ray's share, 0.3 of the memory, fits what is free anyway."""
    disk = seen.disks.get("/dev/shm")
    return isinstance(disk, Disk) and isinstance(seen.memory, int) and 0.3 * seen.memory < 0.95 * disk.free


def bundle(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """Every node reads the bundle, so that on several nodes it must lie on a file system that all of them see."""
    if needs.spec is None:
        return
    disk = seen.disks.get("bundle", Absent("not probed"))
    if isinstance(disk, Absent):
        yield Line("bundle", "unknown", disk.reason)
    elif needs.nodes is not None and needs.nodes > 1 and disk.kind in LOCAL:
        why = f"cluster.nodes is {needs.nodes}, and {disk.kind} is seen by this machine alone"
        yield Line("bundle", "warning", f"{disk.place} ({disk.kind})", why, "--out to a shared file system")
    else:
        yield Line("bundle", "ok", f"{disk.place}" + (f" ({disk.kind})" if disk.kind else ""))


def model(needs: Needs, seen: Snapshot) -> Iterator[Line]:
    """The weights where they are loaded from; with no network they must be there."""
    if needs.model is None:
        return
    offline = [
        name
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
        if seen.variables.get(name, "0").lower() not in ("0", "", "false", "no", "off")
    ]
    local = needs.model.startswith("/")
    if not isinstance(seen.model, Absent) and seen.model.weights:
        yield Line("model", "ok", seen.model.folder)
        return
    found = seen.model.reason if isinstance(seen.model, Absent) else f"{seen.model.folder} holds no weights"
    if local:
        yield Line("model", "error", found, "the model is a folder", "put its weights there (*.safetensors)")
    elif offline:
        fix = f"hf download {needs.model} where there is network"
        yield Line("model", "error", found, f"{' and '.join(offline)} is set, so nothing is downloaded", fix)
    else:
        why = "every node downloads it as the run starts, if it has a network"
        yield Line("model", "warning", found, why, f"hf download {needs.model} beforehand")


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size < 1 << 40 else f"{size / (1 << 40):.1f} TiB"


STORAGE = (checkpoints, run_folder, temporary, shared_memory, bundle, model)
