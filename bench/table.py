"""Rows of a benchmark and their markdown table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import median

from measure import Sample, load, ratios, spread

HEADINGS = ("what", "CPU s min/median/max", "wall s min/median/max", "result", "goal", "noise")


@dataclass(frozen=True)
class Row:
    what: str
    cpu: str
    wall: str
    result: str = ""
    goal: str = ""
    noise: str = ""


def compared(samples: Mapping[str, Sequence[Sample]], goal: str) -> list[Row]:
    """Two commands, ours first: theirs as it is, ours with the ratio of medians and the range over the pairs."""
    ours, theirs = samples
    found = []
    for name in (theirs, ours):
        cpu, wall = [s.cpu for s in samples[name]], [s.wall for s in samples[name]]
        what = f"{name}, {len(cpu)} runs, peak {median(s.peak for s in samples[name]):.0f} MiB"
        found.append((what, cpu, wall))
    (what_theirs, their_cpu, their_wall), (what_ours, our_cpu, our_wall) = found
    low, middle, high = ratios(our_cpu, their_cpu)
    _, wall, _ = ratios(our_wall, their_wall)
    result = f"{middle:.3f}x CPU, {wall:.3f}x wall"
    noise = f"pairs {low:.3f} to {high:.3f}; {load()}"
    return [
        Row(what_theirs, spread(their_cpu), spread(their_wall), "1"),
        Row(what_ours, spread(our_cpu), spread(our_wall), result, goal, noise),
    ]


def markdown(rows: Sequence[Row]) -> str:
    lines = [" | ".join(HEADINGS), " | ".join("---" for _ in HEADINGS)]
    lines += [" | ".join(getattr(row, column.name) for column in fields(Row)) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def show(
    rows: Callable[[argparse.Namespace], list[Row]],
    add_arguments: Callable[[argparse.ArgumentParser], None],
    rounds: int,
) -> None:
    """The command line of one benchmark: its arguments, and its table on standard output."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--rounds", type=int, default=rounds, help="measured runs of each (default: %(default)s)")
    add_arguments(parser)
    print(markdown(rows(parser.parse_args())))
