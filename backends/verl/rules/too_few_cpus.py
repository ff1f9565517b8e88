"""Fewer CPUs for Ray than verl reserves.

verl reserves 3 CPUs with each GPU. The V1 trainer reserves 1 for the controller of its queue and 1 for each of the
queue's storage units (8) besides, the V0 trainer 1 for its task runner. Ray waits for what it does not have, without
an end.

Why: the run hangs before the models load, and only Ray's own log says why.
Source: single_controller/ray/base.py (0.7.1: :143, :205; 0.8.0: :143, :189; 0.9.1: :146, :192: max_colocate_count is
3), trainer/main_ppo.py (0.9.1: :98 and :119); TransferQueue 0.1.11 controller.py:943, storage/simple_storage.py:722.
Run with the queue of 0.9.1 and 8 GPUs: placement waits for ever with 32 CPUs, and is done with 33
Bad:
    ray_kwargs.ray_init.num_cpus=16
Good:
    ray_kwargs.ray_init.num_cpus=33
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.derived import gpus, uses_v1
from toolspec.backends.verl.lint.facts.launch import cluster
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS912", "too-few-cpus", "error")

KEY = "ray_kwargs.ray_init.num_cpus"
UNITS = "transfer_queue.backend.SimpleStorage.num_data_storage_units"
WITH_A_GPU = 3


def check(view: View) -> Iterator[Found]:
    if view.value(KEY) is None or view.integer("trainer.nnodes") != 1:
        return
    if view.run.launch is not None and cluster(view.run.launch) is not None:
        return  # cpus-of-a-running-cluster
    cpus, count = view.integer(KEY), gpus(view)
    own = WITH_A_GPU * count + (0 if uses_v1(view) else 1)
    queue, what = _queue(view)
    needed = own + queue
    if cpus < needed:
        yield Found(
            f"{view.shown(KEY)}, and verl reserves {needed}: {WITH_A_GPU} × {count} with the GPUs, {what}",
            (KEY, "trainer.n_gpus_per_node"),
            fix=f"{KEY}={needed} or more, or null for all of the machine",
            why="Ray waits for CPUs that it does not have, and the run hangs while it starts",
            # what the queue reserves is a matter of its package, which verl does not pin
            severity=None if cpus < own else "warning",
        )


def _queue(view: View) -> tuple[int, str]:
    """CPUs of the V1 trainer's queue, and what to call them with the task runner's."""
    if not uses_v1(view):
        return 0, "1 for the task runner"
    if view.value("transfer_queue.backend.storage_backend") != "SimpleStorage":
        return 1, "1 for the V1 trainer's queue"
    units = view.integer(UNITS)
    return units + 1, f"{units} + 1 for the V1 trainer's queue"
