"""A Slurm job on one node without `ray_init.num_cpus`.

Ray counts the CPUs of the host, not those of the job, and starts a worker for each.

Why: the workers cannot register in time, and the job hangs or dies after the models have begun to load.
Source: verl issue 523; trainer/config/ppo_trainer.yaml says so at ray_kwargs.ray_init.num_cpus in each release
Bad:
    --- run.sh
    #!/bin/bash
    #SBATCH --nodes=1
    #SBATCH --cpus-per-task=32
    python3 -m verl.trainer.main_ppo $ARGUMENTS
Good:
    ray_kwargs.ray_init.num_cpus=32
    --- run.sh
    #!/bin/bash
    #SBATCH --nodes=1
    #SBATCH --cpus-per-task=32
    python3 -m verl.trainer.main_ppo $ARGUMENTS
"""

from __future__ import annotations

from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.cluster import header, running_ray
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View

RULE = Rule("TS904", "ray-sees-all-cpus", "warning")

KEY = "ray_kwargs.ray_init.num_cpus"


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None or not launch.script.sbatch or "--exclusive" in launch.script.sbatch:
        return
    nodes = [number for number, _ in header(view, "--nodes")]
    if (
        ("--nodes" in launch.script.sbatch and nodes != [1])
        or view.value(KEY) is not None
        or running_ray(view)
    ):
        return
    if view.integer("trainer.nnodes") != 1:
        return
    cpus = launch.script.sbatch.get("--cpus-per-task")
    yield Found(
        "a Slurm job without ray_kwargs.ray_init.num_cpus: Ray counts all CPUs of the host",
        (KEY,),
        fix=f"{KEY}={'$SLURM_CPUS_PER_TASK' if cpus else 'the CPUs of the job'}",
        why="it starts a worker for each, which cannot register within the job's share",
    )
