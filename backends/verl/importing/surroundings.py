"""What a script says around the command: Slurm's directives and the environment of the run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from toolspec.backends.verl.written.run import Run
from toolspec.backends.verl.written.shell.text import known
from toolspec.specs.units import seconds

_DIRECTIVE = re.compile(r"#SBATCH\s+(?:--([a-z-]+)(?:=|\s+)|-([a-zA-Z])\s*)(\S+)")
SHORT = {"p": "partition", "A": "account", "t": "time", "q": "qos", "C": "constraint", "x": "exclude"}
SLURM = ("partition", "account", "qos", "time", "constraint", "exclude")
_EXPORT = re.compile(r"^\s*export\s+([A-Za-z_]\w*)=")
# What the run's processes read; others are the script's own business.
READ = re.compile(
    r"(NCCL|GLOO|UCX|VLLM|SGLANG|TORCH|PYTORCH|CUDA|HF|TRANSFORMERS|TOKENIZERS|WANDB|VERL|OMP|RAY)_\w+"
)
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")
LEFT = frozenset({"CUDA_VISIBLE_DEVICES", "RAY_ADDRESS", "VERL_USE_EXTERNAL_MODULES"})


def surroundings(run: Run) -> Iterator[tuple[str, Any, int]]:
    """(spec path, value, line of the script): `cluster.slurm` and `env`."""
    if run.launch is None:
        return
    script = run.launch.script
    slurm: dict[str, Any] = {}
    first = 0
    for number, line in enumerate(script.lines, 1):
        found = _DIRECTIVE.match(line)
        name = found and (found[1] or SHORT.get(found[2], ""))
        if not found or name not in SLURM or "$" in found[3]:
            continue
        if name == "time" and not _is_time(found[3]):
            continue
        slurm[str(name)] = found[3]
        first = first or number
    if slurm:
        yield "cluster.slurm", slurm, first
    for number, line in enumerate(script.lines, 1):
        exported = _EXPORT.match(line)
        if not exported or not READ.fullmatch(exported[1]) or exported[1] in LEFT:
            continue
        text = run.launch.command.text(exported[1])
        if SECRET.search(exported[1]):
            yield f"env.{exported[1]}", None, number  # passed on from the shell, and never written
        elif text is not None and (value := known(text)):
            yield f"env.{exported[1]}", value, number


def _is_time(text: str) -> bool:
    try:
        seconds(text)
    except ValueError:
        return False
    return True
