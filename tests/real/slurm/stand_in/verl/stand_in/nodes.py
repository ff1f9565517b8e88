"""The workers: one process a node that holds all its GPUs, as long as training lasts."""

from __future__ import annotations

import errno
import os
import signal
import socket
from pathlib import Path
from typing import Any, NamedTuple

from verl.stand_in import checkpoint, faults
from verl.stand_in.plan import Fault, Plan


class Share(NamedTuple):
    """Which ranks a node has, of how many in all."""

    node: int
    gpus: int
    world: int
    plan: Plan

    @property
    def ranks(self) -> range:
        """Its ranks."""
        return range(self.node * self.gpus, (self.node + 1) * self.gpus)


class WorkerDict:
    """Named as verl's, since its name is in front of what it prints."""

    def __init__(self, share: Share) -> None:
        self.share = share

    def where(self) -> str:
        """Host and GPUs, which Ray hands out in any order."""
        gpus = sorted(os.environ.get("CUDA_VISIBLE_DEVICES", "").split(","))
        return f"{socket.gethostname()} {','.join(gpus)}"

    def save(self, folder: Path, step: int, fsdp: int, fault: Fault | None = None) -> None:
        """save_checkpoint of all ranks of this node."""
        share = self.share
        if fault and fault.kind == "enospc":
            self._full_disk(folder)
        half = fault is not None and fault.kind == "half_checkpoint"
        size = share.plan.shard_bytes
        checkpoint.save_ranks(
            folder,
            share.ranks[:1] if half else share.ranks,
            share.world,
            step,
            size,
            ("model",) if half else checkpoint.PARTS,
        )
        if share.node == 0 and not half:
            checkpoint.save_rank_0(folder, share.world, fsdp)

    def load(self, folder: Path) -> int:
        """load_checkpoint of all ranks of this node; the step in it."""
        step: int = checkpoint.load_ranks(folder, self.share.ranks, self.share.world)
        return step

    def actor_rollout_update_actor(self, fault: Fault | None = None) -> None:
        """A step; where workers' faults happen."""
        if fault is None:
            return
        if fault.kind == "kill_gcs":
            faults.kill_by_name("gcs_server")
        if fault.node != self.share.node:
            return
        if fault.kind == "cuda_oom":
            faults.out_of_gpu_memory()
        if fault.kind == "host_oom":
            faults.out_of_memory(fault.bytes)
        if fault.kind == "kill_raylet" and not faults.kill_by_name("raylet"):
            os.kill(os.getppid(), signal.SIGKILL)

    @staticmethod
    def _full_disk(folder: Path) -> None:
        """The kernel's own error for a full disk."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with Path("/dev/full").open("wb") as full:
                full.write(bytes(1 << 16))
        except OSError as error:
            assert error.errno == errno.ENOSPC
            raise OSError(error.errno, error.strerror, str(folder / "model_world_size")) from None


class Nodes:
    """All workers, called at once."""

    def __init__(self, config: Any, plan: Plan) -> None:
        gpus, nodes = int(config.trainer.n_gpus_per_node), int(config.trainer.nnodes)
        shares = [Share(node, gpus, gpus * nodes, plan) for node in range(nodes)]
        self.ray = plan.ray
        self.workers: list[Any] = _placed(shares) if plan.ray else [WorkerDict(share) for share in shares]

    def call(self, method: str, *arguments: Any) -> list[Any]:
        """The method of every worker; their answers. Raises the first error."""
        if not self.ray:
            return [getattr(worker, method)(*arguments) for worker in self.workers]
        import ray

        return list(ray.get([getattr(worker, method).remote(*arguments) for worker in self.workers]))


def _placed(shares: list[Share]) -> list[Any]:
    """A worker on each node, with all its GPUs. Raises ValueError as verl does where there are too few."""
    import ray
    from ray.util.placement_group import placement_group, placement_group_table
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    wanted = shares[0].world
    there = int(ray.cluster_resources().get("GPU", 0))
    if there < wanted:
        raise ValueError(f"Total available GPUs {there} is less than total desired GPUs {wanted}")
    assert there == wanted, f"{there} GPUs in Ray, and the config has {wanted}"
    group = placement_group([{"GPU": share.gpus, "CPU": 1} for share in shares], strategy="STRICT_SPREAD")
    ray.get(group.ready(), timeout=60)
    # Ranks go by address, as verl has them (single_controller/ray/base.py, sort_placement_group_by_node_ip).
    addresses = {each["NodeID"]: each["NodeManagerAddress"] for each in ray.nodes()}
    bundles = placement_group_table(group)["bundles_to_node_id"]
    order = sorted(bundles, key=lambda bundle: str(addresses[bundles[bundle]]))
    workers = []
    for share, bundle in zip(shares, order, strict=True):
        place = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=bundle)
        actor = ray.remote(WorkerDict).options(num_gpus=share.gpus, num_cpus=1, scheduling_strategy=place)
        workers.append(actor.remote(share))
    return workers
