"""A sweep of 512 points of the seed experiment linted and compiled in one process, against 512 compiles and lints."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from statistics import median

from compile_process import SEED
from measure import ROOT, load, spread
from table import Row, show

SWEEP = (
    "sweep={reward.valid_call: [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4], "
    "reward.extra_call: [-0.05, -0.1, -0.15, -0.2, -0.25, -0.3, -0.35, -0.4], "
    "algorithm.lr: [1e-6, 2e-6, 3e-6, 4e-6, 5e-6, 6e-6, 7e-6, 8e-6]}"
)
POINTS, SAMPLE = 512, 64
"""Of the points one by one every eighth is measured, each with a reward of its own."""


def rows(arguments: argparse.Namespace) -> list[Row]:
    """Goals: well under 25 s, and less than the points one by one."""
    rounds = max(2, arguments.rounds // 5)
    whole: list[tuple[float, float]] = []
    single: list[tuple[float, float]] = []
    for _ in range(rounds):
        whole.append(_run("whole"))
        single.append(_run("single"))
    cpu, wall = (list(column) for column in zip(*whole, strict=True))
    one_cpu, one_wall = ([each * POINTS / SAMPLE for each in column] for column in zip(*single, strict=True))
    ratio = median(cpu) / median(one_cpu)
    what = f"{POINTS} compiles and lints one by one, from {SAMPLE} of them"
    return [
        Row(what, spread(one_cpu), spread(one_wall), "1"),
        Row(
            f"a sweep of {POINTS} points, {rounds} runs",
            spread(cpu),
            spread(wall),
            f"{ratio:.2f}x",
            "25 s",
            load(),
        ),
    ]


def _run(what: str) -> tuple[float, float]:
    """(CPU, wall) seconds of a process of its own, without what it takes to start it."""
    done = subprocess.run(
        [sys.executable, __file__, f"--only-{what}"], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    cpu, wall = done.stdout.split()
    return float(cpu), float(wall)


def measure(what: str) -> None:
    sys.path.insert(0, str(ROOT / "src"))
    from toolspec.backends.verl.compile import bundle_of, compile_spec
    from toolspec.backends.verl.lint.facts import reward_analysis
    from toolspec.backends.verl.lint.lint import lint_file
    from toolspec.backends.verl.sweep.expand import expand
    from toolspec.backends.verl.written.files import Files
    from toolspec.compiler.sweep.point_spec import point_spec
    from toolspec.specs.loading import load as load_spec

    swept = expand(load_spec(SEED, (SWEEP,)))
    lint_file(SEED, None, Files())  # the modules of the rules
    begin = time.process_time(), time.perf_counter()
    if what == "--only-whole":
        digests = {found.digest for found in swept}
        assert len(digests) == len(swept.points) == POINTS, "points must differ"
    else:
        for point in swept.points[:: POINTS // SAMPLE]:
            reward_analysis._told.cache_clear()
            reward_analysis._analysed.cache_clear()
            sets = point_spec(swept.expansion.loaded, point).sets[1:]
            lint_file(SEED, None, Files(), sets=sets)
            bundle_of(compile_spec(SEED, sets))
    print(time.process_time() - begin[0], time.perf_counter() - begin[1])


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1].startswith("--only-"):
        measure(sys.argv[1])
    else:
        show(rows, lambda _: None, rounds=15)
