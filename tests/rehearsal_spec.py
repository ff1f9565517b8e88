"""A spec with a small model, rows, and a tool that a test writes: what a rehearsal needs, in a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tiny_model import write_model
from toolspec.backends.verl.compile import compile_spec
from toolspec.backends.verl.rehearsal.experiment import experiment_of
from toolspec.backends.verl.rehearsal.rehearse import Asked, Rehearsal, rehearse
from toolspec.backends.verl.rehearsal.user_process import Limits

SPEC = """\
toolspec: 1
name: small
target: verl=={release}
model: {{path: model, tool_format: hermes}}
data: {{train: rows.jsonl, columns: {{prompt: question, answer: answer}}}}
tools:
{tools}
reward: {reward}
algorithm: {{name: grpo, batch: 2, group: 2}}
budget: {{rounds: 3, prompt_tokens: 2000, trajectory_tokens: 2000, tool_response_tokens: 400{budget}}}
cluster: {{gpus: 1}}
"""
TOOL = '''\
"""Tools of a test."""
{head}

def tool(x: str) -> str:
    """A tool.

    Args:
        x: For example abc.
    """
{body}
'''
QUICK = Limits(call_seconds=20.0, grace_seconds=2.0, load_seconds=60.0, score_seconds=30.0)


def write_spec(
    folder: Path,
    body: str = "return x.upper()",
    *,
    head: str = "",
    tools: str = "  tool: {python: tools.py:tool, timeout: 1s}",
    reward: str = "tool_calling",
    release: str = "0.9.1",
    budget: str = "",
    rows: int = 6,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "model").exists():
        write_model(folder / "model")
    lines = [
        json.dumps({"question": f"What is {at}+{at}?", "answer": str(2 * at)}) for at in range(10, 10 + rows)
    ]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    (folder / "tools.py").write_text(TOOL.format(head=head, body=indented), "utf-8")
    text = SPEC.format(tools=tools, reward=reward, release=release, budget=budget)
    (folder / "exp.yaml").write_text(text, "utf-8")
    return folder / "exp.yaml"


def rehearsed(
    spec: Path,
    *,
    text: bool = False,
    limits: Limits = QUICK,
    sets: tuple[str, ...] = (),
    weights: Path | None = None,
    **asked: Any,
) -> Rehearsal:
    """The rehearsal of a spec, its working files beside it."""
    given: dict[str, Any] = {"rows": 3, "policies": ("honest",), "seed": 0, "python": sys.executable, **asked}
    place = spec.parent / "work"
    (place / "bundle").mkdir(parents=True, exist_ok=True)
    wanted = Asked(limits=limits, **given)
    compiled = compile_spec(spec, sets, writing=False)
    experiment = experiment_of(compiled, "train", place / "stand-in", text, wanted.engine, weights)
    return rehearse(experiment, wanted, place / "bundle")
