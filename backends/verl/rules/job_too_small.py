"""The job has other nodes or GPUs than the trainer is told of.

verl asks Ray for `nnodes` × `n_gpus_per_node` GPUs and stops where there are fewer; those above are idle.

Why: the run stops, or GPUs are held and not used.
Source: trainer/ppo/ray_trainer.py ResourcePoolManager._check_resource_available of each release
Bad:
    --- run.sh
    #!/bin/bash
    #SBATCH --nodes=1 --exclusive
    #SBATCH --gpus-per-node=4
    python3 -m verl.trainer.main_ppo $ARGUMENTS
Good:
    --- run.sh
    #!/bin/bash
    #SBATCH --exclusive
    #SBATCH --gpus-per-node=8
    python3 -m verl.trainer.main_ppo $ARGUMENTS
Bad:
    --- run.sh
    export CUDA_VISIBLE_DEVICES=0,1,2,3
    python3 -m verl.trainer.main_ppo $ARGUMENTS
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.cluster import header, running_ray
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.shell.text import known

RULE = Rule("TS905", "job-too-small", "error")

NODES, GPUS = "trainer.nnodes", "trainer.n_gpus_per_node"


def check(view: View) -> Iterator[Found]:
    if view.run.launch is None:
        return
    yield from _compared(view, NODES, "nodes", header(view, "--nodes"))
    yield from _compared(view, GPUS, "GPUs a node", header(view, "--gpus-per-node", "--gres"))
    yield from _visible(view)


def _compared(view: View, key: str, what: str, found: Iterator[tuple[int, str]]) -> Iterator[Found]:
    for number, line in found:
        asked = view.integer(key)
        if asked > number:
            yield Found(
                f"{view.shown(key)}, and the job has {number} {what} ({line})",
                (key, f"launch:{line.split()[1].partition('=')[0]}"),
                fix=f"{key}={number}",
                why="Ray has fewer GPUs than verl asks for, and the run stops",
            )
        elif asked < number:
            yield Found(
                f"{view.shown(key)}, and the job holds {number} {what} ({line})",
                (key, f"launch:{line.split()[1].partition('=')[0]}"),
                fix=f"{key}={number}",
                why="the others are held and idle",
                severity="warning",
            )


def _visible(view: View) -> Iterator[Found]:
    launch = view.run.launch
    text = launch.command.text("CUDA_VISIBLE_DEVICES") if launch is not None else None
    devices = known(text) if text is not None else None
    if devices is None or running_ray(view) or view.integer(NODES) != 1:
        return
    number = len([part for part in devices.split(",") if part.strip()])
    asked = view.integer(GPUS)
    if asked > number:
        yield Found(
            f"{view.shown(GPUS)}, and CUDA_VISIBLE_DEVICES={devices} shows {number}",
            (GPUS, "launch:CUDA_VISIBLE_DEVICES"),
            fix=f"{GPUS}={number}",
            why="Ray has fewer GPUs than verl asks for, and the run stops",
        )
