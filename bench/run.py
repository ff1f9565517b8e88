"""All benchmarks, one markdown table each: `python bench/run.py [--only NAME] [--rounds N]`. Some five minutes."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable

import compile_process
import count_prompts
import lint_many
import lint_process
import main_ppo_process
import rehearse
import reward
import score_trajectory
import start
import status_runs
import sweep
import variants
from measure import load
from peer import add_arguments
from table import Row, markdown

BENCHMARKS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "compile_process": compile_process.rows,
    "main_ppo_process": main_ppo_process.rows,
    "variants": variants.rows,
    "lint_process": lint_process.rows,
    "lint_many": lint_many.rows,
    "count_prompts": count_prompts.rows,
    "rehearse": rehearse.rows,
    "score_trajectory": score_trajectory.rows,
    "reward": reward.rows,
    "status_runs": status_runs.rows,
    "start": start.rows,
    "sweep": sweep.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="repeatable")
    parser.add_argument("--rounds", type=int, default=15, help="measured runs of each (default: %(default)s)")
    add_arguments(parser)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {load()} at the start\n")
    for name in arguments.only or BENCHMARKS:
        print(f"`{name}`\n\n{markdown(BENCHMARKS[name](arguments))}\n", flush=True)


if __name__ == "__main__":
    main()
