"""A Slurm job on one node that leaves the number of CPUs to Ray.

Without a cluster ray.init starts one and counts the CPUs of the machine, not those of the job. It then starts as many
processes as the machine has CPUs, on the few that the job may use.

Why: workers do not register in time, and the run stops or hangs while it starts.
Source: verl issue 523; trainer/config/ppo_trainer.yaml of each release (ray_kwargs.ray_init.num_cpus, null)
Bad:
    --- run.sbatch
    #!/bin/bash
    #SBATCH --nodes=1
    #SBATCH --cpus-per-task=32
    python3 -m verl.trainer.main_ppo data.train_batch_size=32
Good:
    ray_kwargs.ray_init.num_cpus=32
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.launch import cluster, mentions_cluster, slurm_header
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS906", "cpus-of-the-node", "warning")

KEY = "ray_kwargs.ray_init.num_cpus"


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    header = None if launch is None else slurm_header(launch.script)
    if launch is None or header is None or header.nodes != 1 or "exclusive" in header.options:
        return
    if cluster(launch) is not None or mentions_cluster(launch.script) or view.value(KEY) is not None:
        return
    cpus = header.integer("cpus-per-task")
    amount = f"{cpus} CPUs" if cpus else "its share of the CPUs"
    span = header.options["cpus-per-task"][1] if cpus else launch.command.span
    yield Found(
        f"the job has {amount}, and Ray counts those of the whole machine: {KEY} is null",
        (KEY, "launch:cpus-per-task"),
        fix=f"{KEY}=$SLURM_CPUS_PER_TASK",
        why="Ray then starts more processes than the job can run, and workers do not register in time",
        span=span,
    )
