"""The header of a batch script (`#SBATCH --nodes=2`) and the variables that Slurm makes of it.

Source: sbatch's manual, Output Environment Variables. The options of a command line, which win, are not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_LINE = re.compile(r"#SBATCH\s+(.*)")
_OPTION = re.compile(r"(--[a-z][a-z-]*|-[A-Za-z])(?:[=\s]\s*|(?<=-[A-Za-z]))?(\"[^\"]*\"|'[^']*'|[^\s#]*)")
_SHORT: Mapping[str, str] = {
    "-N": "--nodes",
    "-n": "--ntasks",
    "-c": "--cpus-per-task",
    "-G": "--gpus",
    "-J": "--job-name",
    "-p": "--partition",
    "-A": "--account",
    "-t": "--time",
    "-C": "--constraint",
    "-w": "--nodelist",
    "-q": "--qos",
}
# Option → the variables of the job that repeat its value.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "--nodes": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "--ntasks": ("SLURM_NTASKS", "SLURM_NPROCS"),
    "--ntasks-per-node": ("SLURM_NTASKS_PER_NODE",),
    "--cpus-per-task": ("SLURM_CPUS_PER_TASK",),
    "--gpus-per-node": ("SLURM_GPUS_PER_NODE",),
    "--gpus": ("SLURM_GPUS",),
    "--job-name": ("SLURM_JOB_NAME",),
    "--partition": ("SLURM_JOB_PARTITION",),
    "--account": ("SLURM_JOB_ACCOUNT",),
}


def header(lines: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Long option → (value, line from 1) of the header, which ends at the first command; the last one wins."""
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            break
        match = _LINE.match(text)
        if match is None:
            continue
        for option in _OPTION.finditer(match[1]):
            name = _SHORT.get(option[1], option[1])
            found[name] = (option[2].strip("\"'"), number)
    return found


def variables(options: Mapping[str, tuple[str, int]]) -> dict[str, str]:
    """The variables that a job submitted with this header alone has. Only whole values: `--nodes=2-4` is none."""
    made: dict[str, str] = {}
    for option, names in VARIABLES.items():
        value = options.get(option, ("", 0))[0]
        numeric = option not in ("--job-name", "--partition", "--account")
        if value and (value.isdigit() or not numeric):
            made.update(dict.fromkeys(names, value))
    return made
