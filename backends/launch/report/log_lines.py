"""The lines of a run's log, each with the process that wrote it, without Ray's prefix and colours.

Ray's driver prints what its workers write as `(TaskRunnerV1 pid=2243, ip=ADDRESS) text`, in colours also where the
output is a file (ray/_private/ray_logging/__init__.py and worker.py, print_worker_logs). Lines of one process keep
their order, those of several do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from toolspec.specs.named_file import open_regular

LONGEST_LINE = 1 << 20  # bytes; verl's metrics of a step take some 10,000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PREFIX = re.compile(r"\((?P<name>[^()\s]{1,200}) pid=(?P<pid>\d{1,10})(?:, ip=(?P<ip>[^()\s]{1,100}))?\) ?")


class Line(NamedTuple):
    """actor: the name by which Ray calls the process, "" for the driver's own. process: tells two apart.

    whole: whether its end has been written: Python writes to a file in blocks, which end anywhere in a line.
    """

    actor: str
    process: str
    text: str
    whole: bool = True


def log_lines(path: Path, actors: str) -> Iterator[Line]:
    """Every line of the driver and of the actors whose name begins with `actors`, in their order; one over LONGEST_LINE
    is left out. Raises UnreadableError.
    """
    wanted = b"(" + actors.encode()
    with open_regular(path) as stream, suppress(OSError):
        while line := stream.readline(LONGEST_LINE):
            whole = line.endswith(b"\n")
            if not whole and len(line) == LONGEST_LINE:
                while line and not line.endswith(b"\n"):  # too long: skipped to its end
                    line = stream.readline(LONGEST_LINE)
                continue
            head = line[:16]  # most lines are of workers, and a long run has millions
            if b"(" in head and wanted[: 16 - head.find(b"(")] not in head and b" pid=" in line[:250]:
                continue
            found = parted(line.decode("utf-8", "replace").rstrip("\r\n"))
            if not found.actor or found.actor.startswith(actors):
                yield found if whole else found._replace(whole=False)


def parted(text: str) -> Line:
    """A line of the log as who wrote it and what."""
    plain = _COLOUR.sub("", text) if "\x1b" in text else text
    match = _PREFIX.match(plain)
    if match is None:
        return Line("", "", plain)
    return Line(match["name"], f"{match['name']} {match['pid']} {match['ip'] or ''}", plain[match.end() :])
