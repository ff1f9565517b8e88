"""The analysis of a reward: verdicts, intervals and repairs, of the seed's and of 12 terms over 10 turns of 4 calls."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from measure import ROOT, load, spread
from score_trajectory import TERMS
from table import Row, show

sys.path[:0] = [str(ROOT / "src")]

SEED: list[dict[str, Any]] = [
    {"name": "correct", "weight": 1.0, "match": "number"},
    {"name": "valid_call", "weight": 0.2},
    {"name": "extra_call", "weight": -0.1, "free": 1},
    {"name": "bad_call", "weight": -1.0},
]


def rows(arguments: argparse.Namespace) -> list[Row]:
    """Goals: the seed under 0.3 s, 12 terms under 5 s."""
    from toolspec.compiler.reward.analysis import analyse
    from toolspec.compiler.reward.vector import Budget

    found = []
    for what, terms, budget, goal in (
        ("the seed's reward, 5 turns of 1 call", SEED, Budget(5, 1, 1024), "0.3 s"),
        ("12 terms, 10 turns of 1 call", TERMS, Budget(10, 1, 1024), "5 s"),
        ("12 terms, 10 turns of 4 calls", TERMS, Budget(10, 4, 1024), "5 s"),
    ):
        cpu, wall = [], []
        for _ in range(arguments.rounds):
            start, clock = time.process_time(), time.perf_counter()
            analyse({"terms": terms}, budget)
            cpu.append(time.process_time() - start)
            wall.append(time.perf_counter() - clock)
        found.append(Row(what, spread(cpu), spread(wall), "", goal, load()))
    return found


if __name__ == "__main__":
    show(rows, lambda _: None, rounds=5)
