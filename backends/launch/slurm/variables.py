"""The environment that sbatch gets: this one, without what would change what the script says.

A variable of sbatch's wins over the script's own line (SBATCH_PARTITION over its `--partition`), so that another job
would be sent than was checked. And whoever submits from inside a job, as from `salloc` or a notebook, has that job's
variables: the new job's srun would take them for its own (SLURM_CPU_BIND, SLURM_MEM_PER_CPU beside SLURM_MEM_PER_NODE).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

DEFAULTS = {
    "account": "SBATCH_ACCOUNT",
    "constraint": "SBATCH_CONSTRAINT",
    "partition": "SBATCH_PARTITION",
    "qos": "SBATCH_QOS",
    "reservation": "SBATCH_RESERVATION",
}
"""What holds where the spec says nothing; it is then said in the script."""
_OTHER_NAMES = {
    "cpus-per-task": ("CPUS_PER_GPU",),
    "gpus-per-node": ("GPUS", "GPUS_PER_TASK", "GRES"),
    "mem": ("MEM_PER_CPU", "MEM_PER_GPU", "MEM_PER_NODE"),
    "requeue": ("NO_REQUEUE",),
    "time": ("TIMELIMIT",),
}
_NEVER = frozenset({"SBATCH_ARRAY_INX", "SBATCH_WAIT"})
"""Would make many jobs of one, or let sbatch wait for the job's end."""
_OF_THE_CLUSTER = frozenset({"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT"})
_OF_A_JOB = ("SLURM_", "SLURMD_", "SRUN_")


def for_sbatch(here: Mapping[str, str], options: Iterable[str]) -> dict[str, str]:
    """`here` for an sbatch of a script that says these options."""
    said = set(_NEVER)
    for option in options:
        names = (option.replace("-", "_").upper(), *_OTHER_NAMES.get(option, ()))
        said |= {f"SBATCH_{name}" for name in names}
    if "SLURM_JOB_ID" in here:
        said |= {name for name in here if name.startswith(_OF_A_JOB) and name not in _OF_THE_CLUSTER}
    return {name: value for name, value in here.items() if name not in said}


def defaults(here: Mapping[str, str]) -> dict[str, str]:
    """Options of sbatch that the user's environment says."""
    return {option: here[name] for option, name in DEFAULTS.items() if here.get(name)}
