"""`toolspec compile` of the seed experiment as a whole process against one Hydra compose of verl's config."""

from __future__ import annotations

import argparse
import tempfile
from itertools import count
from pathlib import Path

from measure import ROOT, Command, alternated, toolspec
from peer import add_arguments, find
from table import Row, compared, show

SEED = ROOT / "examples" / "seed-ppo" / "exp.yaml"


def compile_seed(folder: Path) -> Command:
    """Each run writes a bundle that is not there yet."""
    numbers = count()
    return toolspec(
        "toolspec compile", "compile", str(SEED), fresh=lambda: ["--out", str(folder / str(next(numbers)))]
    )


def rows(arguments: argparse.Namespace) -> list[Row]:
    """Goal: at most one Hydra compose process (0.75 hoped for)."""
    with tempfile.TemporaryDirectory() as folder:
        commands = [compile_seed(Path(folder)), find(arguments).compose()]
        return compared(alternated(commands, max(9, arguments.rounds)), "<= 1.00 (0.75)")


if __name__ == "__main__":
    show(rows, add_arguments, rounds=15)
