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
    cpu, wall = (
        {name: [getattr(s, what) for s in samples[name]] for name in samples} for what in ("cpu", "wall")
    )
    low, middle, high = ratios(cpu[ours], cpu[theirs])
    _, middle_wall, _ = ratios(wall[ours], wall[theirs])
    result = f"{middle:.3f}x CPU, {middle_wall:.3f}x wall"
    noise = f"pairs {low:.3f} to {high:.3f}; {load()}"
    peak = {
        name: f"{name}, {len(s)} runs, peak {median(x.peak for x in s):.0f} MiB"
        for name, s in samples.items()
    }
    return [
        Row(peak[theirs], spread(cpu[theirs]), spread(wall[theirs]), "1"),
        Row(peak[ours], spread(cpu[ours]), spread(wall[ours]), result, goal, noise),
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
    parser.add_argument(
        "--rounds", type=int, default=rounds, help="measured runs of each (default: %(default)s)"
    )
    add_arguments(parser)
    print(markdown(rows(parser.parse_args())))
