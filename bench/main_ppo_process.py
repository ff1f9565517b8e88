"""`toolspec compile` of the seed experiment against `python -m verl.trainer.main_ppo --cfg job`: whole processes."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from compile_process import compile_seed
from measure import alternated
from peer import add_arguments, find
from table import Row, compared, show


def rows(arguments: argparse.Namespace) -> list[Row]:
    """Goal: at least 20 times faster."""
    with tempfile.TemporaryDirectory() as folder:
        commands = [compile_seed(Path(folder)), find(arguments).main_ppo()]
        return compared(alternated(commands, max(3, min(arguments.rounds, 5))), "<= 0.05")


if __name__ == "__main__":
    show(rows, add_arguments, rounds=3)
