"""More GPUs asked of verl than the job or CUDA_VISIBLE_DEVICES gives.

`trainer.nnodes` × `trainer.n_gpus_per_node` GPUs are placed before anything is loaded.

Why: verl stops where the GPUs are not there (Total available GPUs … is less than total desired GPUs), or waits for
them.
Source: single_controller/ray/base.py check_resource_available (0.9.1: :240) and its callers in each release; sbatch(1)
Bad:
    --- run.sbatch
    #!/bin/bash
    #SBATCH --nodes=1
    #SBATCH --gres=gpu:4
    python3 -m verl.trainer.main_ppo data.train_batch_size=32 trainer.n_gpus_per_node=8
Bad:
    --- run.sh
    export CUDA_VISIBLE_DEVICES=0,1
    python3 -m verl.trainer.main_ppo data.train_batch_size=32 trainer.n_gpus_per_node=4
Good:
    trainer.n_gpus_per_node=8
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.launch import mentions_cluster, slurm_header, visible_gpus
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.run import Launch

RULE = Rule("TS907", "gpus-of-the-job", "error")

NODES, GPUS = "trainer.nnodes", "trainer.n_gpus_per_node"
WHY = "verl places all GPUs before it loads anything, and stops or waits where they are not there"


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None:
        return
    yield from _slurm(view, launch)
    yield from _visible(view, launch)


def _slurm(view: View, launch: Launch) -> Iterator[Found]:
    header = slurm_header(launch.script)
    if header is None:
        return
    nodes = header.nodes
    if nodes is not None and view.integer(NODES) > nodes:
        span = header.options["nodes"][1] if "nodes" in header.options else view.span(NODES)
        yield Found(
            f"trainer.nnodes is {view.integer(NODES)}, and the job has {nodes} node{'s' * (nodes != 1)}",
            (NODES, "launch:nodes"),
            fix=f"#SBATCH --nodes={view.integer(NODES)}, or {NODES}={nodes}",
            why=WHY,
            span=view.span(NODES) if view.said(NODES) is not None else span,
        )
    given = header.gpus_per_node
    if given is None:
        return
    amount, option = given
    wanted = view.integer(GPUS)
    if wanted > amount:
        yield Found(
            f"{view.shown(GPUS)}, and --{option} gives a node {amount}",
            (GPUS, f"launch:{option}"),
            fix=f"{GPUS}={amount}",
            why=WHY,
            span=view.span(GPUS) if view.said(GPUS) is not None else header.options[option][1],
        )
    elif nodes and view.integer(NODES) * wanted < amount * nodes:
        yield Found(
            f"the job holds {nodes} × {amount} GPUs, and verl uses {view.integer(NODES)} × {wanted}",
            (GPUS, NODES, f"launch:{option}"),
            fix=f"{NODES}={nodes} {GPUS}={amount}",
            why="the others stay idle",
            span=header.options[option][1],
            severity="note",
        )


def _visible(view: View, launch: Launch) -> Iterator[Found]:
    seen = visible_gpus(launch)
    if seen is None or mentions_cluster(launch.script):
        return
    amount, value = seen
    wanted = view.integer(GPUS) * view.integer(NODES)
    if wanted > amount and view.integer(NODES) == 1:
        yield Found(
            f"{view.shown(GPUS)}, and CUDA_VISIBLE_DEVICES={value} leaves {amount}",
            (GPUS, "launch:CUDA_VISIBLE_DEVICES"),
            fix=f"{GPUS}={amount}",
            why=WHY,
        )
