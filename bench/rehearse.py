"""64 episodes of the calculator example by `toolspec rehearse`, whole processes, against verl's own loop and reward.

The peer runs the same scripts with the same tokenizer by `--engine verl`, in an environment that has verl 0.9.1.
"""

from __future__ import annotations

import argparse
import os
import sys

from measure import ROOT, Command, Sample, alternated, load, ratios, spread, toolspec
from peer import add_arguments, find
from table import Row, show

EXAMPLE = "examples/calculator/exp.yaml"
GOAL = "5 s of wall time"
EPISODES = ("--rows", "16")
MOST = 4
"""Runs of each: the peer takes half a minute."""
TEXT, TOKENS, VERL = "on text", "with the model's tokenizer", "by verl's own loop and reward"


def rows(arguments: argparse.Namespace) -> list[Row]:
    peer = find(arguments)
    sys.path[:0] = [str(ROOT / "tests")]
    from real.environment import real_environment
    from real.tokenizer import model_folder

    model = ("--set", f"model.path={model_folder(real_environment())}")
    own = toolspec(TOKENS, "rehearse", EXAMPLE, *model, *EPISODES)
    path = os.pathsep.join([own.environment["PYTHONPATH"], peer.verl])
    call = [*own.arguments, "--engine", "verl", "--python", peer.python]
    verl = Command(VERL, call, {**own.environment, "PYTHONPATH": path})
    text = toolspec(TEXT, "rehearse", EXAMPLE, "--text", *EPISODES)
    samples = alternated([text, own, verl], min(arguments.rounds, MOST))
    return [_row(name, some, samples[VERL]) for name, some in samples.items()]


def _row(name: str, samples: list[Sample], peer: list[Sample]) -> Row:
    wall, cpu = ([getattr(one, what) for one in samples] for what in ("wall", "cpu"))
    low, middle, high = ratios(cpu, [one.cpu for one in peer])
    _, middle_wall, _ = ratios(wall, [one.wall for one in peer])
    if name == VERL:
        return Row(f"64 episodes {name}", spread(cpu), spread(wall), "1")
    result = f"{middle:.3f}x CPU, {middle_wall:.3f}x wall"
    noise = f"pairs {low:.3f} to {high:.3f}; {load()}"
    return Row(f"64 episodes {name}", spread(cpu), spread(wall), result, GOAL, noise)


if __name__ == "__main__":
    show(rows, add_arguments, 5)
