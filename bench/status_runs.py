"""`toolspec status --all` of 1,000 runs, whole processes, with commands that answer at once in the place of Slurm's.

100 of the runs run. Each has a log of 60 steps (5 KiB a step, as verl's lines are), 150 records and five events.
A second process looks at one run alone: the difference is what 999 more cost. The calls of Slurm are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from measure import ROOT, Command, alternated, load, spread, toolspec
from table import Row, show

RUNS = 1000
RUNNING_EVERY = 10
STEPS = 60
RECORDS = 150
MOST_CALLS = 2
GOAL = "1 s of wall time, 2 calls of Slurm"
ALL, ONE = "1,000 runs", "one run"


def rows(arguments: argparse.Namespace) -> list[Row]:
    """Raises RuntimeError where Slurm is called more than twice by one command."""
    sys.path[:0] = [str(ROOT / "tests")]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write(place, time.time())
        variables = {
            "TOOLSPEC_RUNS": str(place / "runs"),
            "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        commands = [_with(toolspec(ALL, "status", "--all"), variables), _with(_one(place), variables)]
        samples = alternated(commands, arguments.rounds)
        calls = len((place / "calls").read_text("utf-8").split())
    if calls > MOST_CALLS * len(commands) * (arguments.rounds + 1):
        raise RuntimeError(f"{calls} calls of Slurm in {len(commands) * (arguments.rounds + 1)} commands")
    cpu = {name: [sample.cpu for sample in some] for name, some in samples.items()}
    wall = {name: [sample.wall for sample in some] for name, some in samples.items()}
    each = (median(cpu[ALL]) - median(cpu[ONE])) / (RUNS - 1) * 1000
    peak = median(sample.peak for sample in samples[ALL])
    result = f"{each:.2f} ms CPU a run; peak {peak:.0f} MiB"
    return [
        Row(f"status, {ONE}", spread(cpu[ONE]), spread(wall[ONE])),
        Row(f"status, {ALL}", spread(cpu[ALL]), spread(wall[ALL]), result, GOAL, load()),
    ]


def _one(place: Path) -> Command:
    return toolspec(ONE, "status", str(place / "runs" / "exp-000000"))


def _with(command: Command, variables: dict[str, str]) -> Command:
    return Command(command.name, command.arguments, {**command.environment, **variables})


def write(place: Path, now: float) -> None:
    """The runs, a minute apart, and `sacct` and `squeue` that know them."""
    from run_folders import Folder, step_line

    record = {"split": "train", "step": 4, "answer": "x" * 300, "metrics": {"acc": 1.0, "task_success": 1.0}}
    records = (json.dumps(record) + "\n") * RECORDS
    log = "".join(
        step_line(step, 0.5).replace(" - actor", f" - a/b:{'1' * 4900} - actor", 1) for step in range(STEPS)
    )
    accounted, queued = [], []
    for number in range(RUNS):
        job, born = str(80000 + number), now - 60 * number
        run = (
            Folder(place / "runs", f"exp-{number:06x}", created=born).submit(job, at=born).began(at=born + 20)
        )
        run.log(log).write("trajectories/host-7-1795671926263-0000.jsonl", records)
        runs = number % RUNNING_EVERY == 0
        state, end = ("RUNNING", "Unknown") if runs else ("COMPLETED", str(int(born + 50)))
        start = int(born)
        accounted.append(f"{job}|{job}|{state}|0:0|{start}|{start}|{end}|n1|None|{run.path.name}")
        if runs:
            queued.append(f"{job}|RUNNING|0|0|{start}|{start}|N/A|n1|None|{run.path.name}|")
        else:
            run.ended(0, "done", step=STEPS)
    (place / "bin").mkdir()
    _script(place, "sacct", accounted)
    _script(place, "squeue", queued)


def _script(place: Path, name: str, lines: Sequence[str]) -> None:
    said = place / f"{name}.txt"
    said.write_text("\n".join(lines) + "\n", "utf-8")
    file = place / "bin" / name
    file.write_text(f'#!/bin/sh\necho {name} >> "{place}/calls"\ncat "{said}"\n', "utf-8")
    file.chmod(0o755)


if __name__ == "__main__":
    show(rows, lambda _: None, rounds=9)
