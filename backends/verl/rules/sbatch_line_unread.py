"""A line for Slurm that sbatch does not read.

sbatch reads `#SBATCH` lines up to the first command. After one they are comments.

Why: the job gets the cluster's default in place of what the line asks for.
Source: Slurm's manual of sbatch ("will stop processing further #SBATCH directives once the first non-comment
non-whitespace line has been reached")
Bad:
    --- run.sbatch
    #!/bin/bash
    #SBATCH --nodes=1
    #SBATCH --cpus-per-task=96
    set -e
    #SBATCH --gpus-per-node=8
    python3 -m verl.trainer.main_ppo $ARGUMENTS ray_kwargs.ray_init.num_cpus=96
Good:
    --- run.sbatch
    #!/bin/bash
    #SBATCH --nodes=1
    #SBATCH --cpus-per-task=96
    #SBATCH --gpus-per-node=8
    set -e
    python3 -m verl.trainer.main_ppo $ARGUMENTS ray_kwargs.ray_init.num_cpus=96
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Span

RULE = Rule("TS917", "sbatch-line-unread", "warning")

_LINE = re.compile(r"#SBATCH\s+(--?[A-Za-z][\w-]*)")


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None:
        return
    command = ""
    for number, line in enumerate(launch.script.lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            command = command or text.split()[0]
        match = _LINE.match(text)
        if match is None or number not in launch.script.comments:
            continue
        if command:
            yield Found(
                f"sbatch does not read `{text}`: it stands behind the first command (`{command}`)",
                (f"launch:{match[1]}",),
                fix="move it above the first command",
                why="the job gets the cluster's default in its place",
                span=Span(launch.script.file, number, 1, len(line)),
            )
