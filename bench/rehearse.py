"""64 episodes of the calculator example by `toolspec rehearse`, whole processes: on text, and with tokens."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measure import ROOT, Sample, load, once, spread, toolspec
from table import Row, show

sys.path.insert(0, str(ROOT / "tests"))

EXAMPLE = "examples/calculator/exp.yaml"
GOAL = "5 s of wall time"
EPISODES = ("--rows", "16")


def rows(arguments: argparse.Namespace) -> list[Row]:
    from tiny_model import write_model

    with tempfile.TemporaryDirectory() as folder:
        # Few merges: the limits of tokens are widened, so that the episodes are those of the real tokenizer.
        model = write_model(Path(folder) / "model")
        wide = ("budget.prompt_tokens=2048", "budget.trajectory_tokens=2000", f"model.path={model}")
        sets = [part for one in (*wide, "model.tool_format=hermes") for part in ("--set", one)]
        commands = (
            toolspec("on text", "rehearse", EXAMPLE, "--text", *EPISODES),
            toolspec("with a tokenizer", "rehearse", EXAMPLE, *sets, *EPISODES),
        )
        return [
            _row(command.name, [once(command) for _ in range(arguments.rounds + 1)][1:])
            for command in commands
        ]


def _row(name: str, samples: list[Sample]) -> Row:
    wall = [one.wall for one in samples]
    cpu = [one.cpu for one in samples]
    return Row(f"64 episodes {name}", spread(cpu), spread(wall), f"{max(wall):.1f} s", GOAL, load())


if __name__ == "__main__":
    show(rows, lambda parser: None, 5)
