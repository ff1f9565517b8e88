"""A launcher that starts verl more than once.

main_ppo is one process: it starts Ray's workers, one for each GPU, by itself. torchrun, accelerate and srun start it as
often as they are told.

Why: each of them is a training of its own that wants all GPUs, writes the same checkpoints and waits for the others.
Source: trainer/main_ppo.py of each release (run_ppo calls ray.init and starts one TaskRunner; 0.9.1: :44-100);
torchrun, accelerate and srun by their manuals
Bad:
    --- run.sh
    torchrun --nproc_per_node=8 -m verl.trainer.main_ppo $ARGUMENTS
Good:
    --- run.sh
    python3 -m verl.trainer.main_ppo $ARGUMENTS
Bad:
    --- run.sbatch
    #!/bin/bash
    #SBATCH --nodes=1
    #SBATCH --gpus-per-node=8
    srun --ntasks=8 python3 -m verl.trainer.main_ppo $ARGUMENTS
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolspec.backends.verl.lint.facts.launch import slurm_header, words
from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.launches import main_of
from toolspec.backends.verl.written.run import Launch

RULE = Rule("TS922", "several-drivers", "error")

# Launcher → the options that say how many processes it starts on a node.
LAUNCHERS = {
    "torchrun": ("--nproc_per_node", "--nproc-per-node"),
    "torch.distributed.run": ("--nproc_per_node", "--nproc-per-node"),
    "torch.distributed.launch": ("--nproc_per_node", "--nproc-per-node"),
    "accelerate": ("--num_processes", "--num-processes"),
    "srun": ("--ntasks", "-n", "--ntasks-per-node"),
}
_RANK = re.compile(r"SLURM_(?:PROCID|LOCALID)|\bLOCAL_RANK\b")


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None or any(_RANK.search(line) for line in launch.script.lines):
        return  # the script tells its processes apart
    main = main_of(launch.command)
    before = words(launch.command)[: main[1]] if main else []
    for launcher, options in LAUNCHERS.items():
        if launcher not in before:
            continue
        given = _number(before[before.index(launcher) + 1 :], options)
        if given is None and launcher == "srun":
            yield from _header(launch)
        elif given is not None and given[1] > 1:
            yield _found(launch, launcher, *given)


def _found(launch: Launch, launcher: str, option: str, number: int) -> Found:
    single = {"srun": "srun --ntasks=1", "accelerate": "python3 -m verl.trainer.main_ppo"}
    return Found(
        f"{launcher} starts verl {number} times ({option}={number}), and each is a training of its own",
        (f"launch:{launcher}", f"launch:{option}"),
        fix=single.get(launcher, "python3 -m verl.trainer.main_ppo"),
        why="main_ppo is one process, which starts a worker for each GPU itself",
        span=launch.command.span,
    )


def _header(launch: Launch) -> Iterator[Found]:
    """What srun takes from the job where its own options say nothing."""
    header = slurm_header(launch.script)
    for option in ("ntasks", "ntasks-per-node"):
        number = header.integer(option) if header else None
        if number is not None and number > 1:
            yield _found(launch, "srun", f"--{option}", number)._replace(severity="warning")
            return


def _number(given: list[str], options: tuple[str, ...]) -> tuple[str, int] | None:
    """The option and its number; None where it is not given, or not known."""
    for at, word in enumerate(given):
        name, equals, value = word.partition("=")
        if name in options:
            text = value if equals else given[at + 1] if at + 1 < len(given) else ""
            return (name, int(text)) if text.isdigit() else (name, 1)
    return None
