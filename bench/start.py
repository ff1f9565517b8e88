"""What the command line costs before it does anything: `--version`, `--help` and each command's own `--help`."""

from __future__ import annotations

import argparse
import sys
from statistics import median

from measure import ROOT, Command, alternated, environment, spread, toolspec
from table import Row, show

NOTHING = "python -c pass"
GOALS = {"--version": "<= 120 ms", "--help": "<= 120 ms"}


def rows(arguments: argparse.Namespace) -> list[Row]:
    """Milliseconds over bare Python. Goal: 120 for --version and --help."""
    sys.path.insert(0, str(ROOT / "src"))
    from toolspec.cli.app import COMMANDS

    bare = Command(NOTHING, [sys.executable, "-c", "pass"], environment())
    calls = [["--version"], ["--help"], *([name, "--help"] for name in COMMANDS)]
    commands = [bare, *(toolspec(" ".join(call), *call) for call in calls)]
    samples = alternated(commands, max(9, arguments.rounds))
    base = median(s.cpu for s in samples[NOTHING]), median(s.wall for s in samples[NOTHING])
    found = [
        Row(NOTHING, spread([s.cpu for s in samples[NOTHING]]), spread([s.wall for s in samples[NOTHING]]))
    ]
    for command in commands[1:]:
        cpu, wall = ([getattr(s, what) for s in samples[command.name]] for what in ("cpu", "wall"))
        over = f"+{(median(cpu) - base[0]) * 1000:.0f} ms CPU, +{(median(wall) - base[1]) * 1000:.0f} ms wall"
        name = f"toolspec {command.name}"
        found.append(Row(name, spread(cpu), spread(wall), over, GOALS.get(command.name, "")))
    return found


if __name__ == "__main__":
    show(rows, lambda _: None, rounds=9)
