"""Whole processes measured side by side: wall time, CPU time of the process tree, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Sample:
    """One process. wall, cpu: seconds, cpu = user + system of it and the children it waited for. peak: MiB."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Command:
    """What to run. fresh: called before each run and not measured; its result is appended to the arguments."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    fresh: Callable[[], list[str]] = list


def environment() -> dict[str, str]:
    """The shell's, but for what forbids bytecode: each run would compile the source again, as no installed one does."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def toolspec(name: str, *arguments: str, fresh: Callable[[], list[str]] = list) -> Command:
    """`toolspec ARGUMENTS` of this checkout, as the installed script calls it, by the Python of the benchmark."""
    source = {**environment(), "PYTHONPATH": str(ROOT / "src")}
    script = "import sys; from toolspec.__main__ import main; sys.exit(main())"
    return Command(name, [sys.executable, "-c", script, *arguments], source, fresh)


def once(command: Command) -> Sample:
    """Run it once. Raises RuntimeError with the end of its error output where it fails."""
    arguments = [*command.arguments, *command.fresh()]
    begin = time.perf_counter()
    process = subprocess.Popen(
        arguments, env=dict(command.environment), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise RuntimeError(
            f"{command.name}: exit code {process.returncode}\n{errors.decode(errors='replace')[-2000:]}"
        )
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def alternated(commands: Sequence[Command], rounds: int) -> dict[str, list[Sample]]:
    """`rounds` samples of each, by name. One unmeasured run first fills caches; the order turns round each time."""
    for command in commands:
        once(command)
    samples: dict[str, list[Sample]] = {command.name: [] for command in commands}
    for number in range(rounds):
        for command in commands if number % 2 == 0 else reversed(commands):
            samples[command.name].append(once(command))
    return samples


def spread(values: Sequence[float]) -> str:
    """`min/median/max`, in three digits."""
    return "/".join(f"{value:.3f}" for value in (min(values), median(values), max(values)))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Smallest ratio of a pair, ratio of the medians, largest ratio of a pair."""
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    return min(pairs), median(ours) / median(theirs), max(pairs)


def load() -> str:
    """The machine's load, for the noise: runs of others on the same cores."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
