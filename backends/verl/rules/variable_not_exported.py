"""A variable for a program that the script keeps to itself.

`WANDB_MODE=offline` on a line of its own sets a variable of the shell. Programs see it only after `export`, or where it
stands before the command on the same line.

Why: wandb, NCCL, vLLM and the others do as if it were not set.
Source: bash's manual, 3.7.4 (a variable that was exported before the script keeps that)
Bad:
    --- run.sh
    WANDB_MODE=offline
    python3 -m verl.trainer.main_ppo $ARGUMENTS
Good:
    --- run.sh
    export WANDB_MODE=offline
    python3 -m verl.trainer.main_ppo $ARGUMENTS
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from toolspec.backends.verl.lint.rule import Found, Rule
from toolspec.backends.verl.lint.view import View
from toolspec.specs.problem import Span

RULE = Rule("TS920", "variable-not-exported", "warning")

_LINE = re.compile(r"\s*(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>\"[^\"]*\"|'[^']*'|[^\s\\;&|#]*)\s*;?\s*(?:#.*)?")
# What the libraries of a run read, by the beginning of its name.
_READ = re.compile(
    r"(?:WANDB|SWANLAB|MLFLOW|HF|HUGGINGFACE|TRANSFORMERS|TOKENIZERS|NCCL|GLOO|VLLM|SGLANG|SGL|RAY|CUDA|TORCH|PYTORCH"
    r"|HYDRA|VERL|OMP|PYTHON|TRITON)_\w+|PYTHONPATH|PYTHONUNBUFFERED"
)
_ALL = re.compile(r"(?m)^\s*set\s+(?:-\w*a|-o\s+allexport)")


def check(view: View) -> Iterator[Found]:
    launch = view.run.launch
    if launch is None or launch.command.inner:
        return
    lines = launch.script.lines
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    if _ALL.search(text):
        return
    for number, line in enumerate(lines[: launch.command.span.line - 1], 1):
        match = _LINE.fullmatch(line)
        if match is None or not _READ.fullmatch(match["name"]) or number in _continued(lines):
            continue
        name = match["name"]
        # `export NAME`, `$NAME`, `--env NAME`, `NAME=$NAME`: any other mention may hand it on.
        if len(re.findall(rf"\b{name}\b", text)) > 1:
            continue
        if any(found.name == name and found.span.line == number for found in launch.script.assignments):
            yield Found(
                f"`{name}` is set and not exported: verl does not see it",
                (f"launch:{name}",),
                fix=f"export {line.strip()}",
                why="a variable of the shell reaches no program that it starts",
                span=Span(launch.script.file, number, line.index(name) + 1, len(name)),
            )


def _continued(lines: tuple[str, ...]) -> frozenset[int]:
    """Lines, from 1, that go on a line before."""
    return frozenset(n + 1 for n, line in enumerate(lines, 1) if line.endswith("\\"))
