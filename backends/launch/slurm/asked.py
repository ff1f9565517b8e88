"""What a job asks of Slurm, and how it is told of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from toolspec.specs.problem import Span

SECTION = "cluster.slurm"
Place = Callable[[str], Span | None]
_SHOWN = 6


class Asked(NamedTuple):
    """What the job wants. time: minutes. gpu: the spec's own word for the type, as `h100-80gb`.

    kind: Slurm's word for it where the job asks for one type alone, "" for any.
    """

    partition: str | None
    account: str | None
    qos: str | None
    time: int | None
    nodes: int
    gpus: int
    gpu: str | None
    constraint: str | None
    cpus: int | None
    memory: int | None
    kind: str = ""


def listed(names: Sequence[str]) -> str:
    """The first names of many, and how many more there are."""
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def time_text(minutes: int) -> str:
    """Minutes as the language writes them: 1440 → `1d`."""
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"
