"""What a script says of the cluster that its command runs in: Slurm's header, and a Ray cluster that is up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from toolspec.backends.verl.lint.view import View
from toolspec.backends.verl.written.shell.text import Word, known, shown

_WHOLE = re.compile(r"\d+")
_GPUS = re.compile(r"(?:gpu(?::|=)?)?(?:[A-Za-z][\w.-]*:)?(\d+)(?:\(.*)?")


def running_ray(view: View) -> str:
    """What says that `ray.init` will connect to a running cluster, "" where nothing does.

    Source: ray/_private/worker.py init: RAY_ADDRESS, an address, or a cluster that `ray start` left on the machine.
    """
    address = view.value("ray_kwargs.ray_init.address")
    if address and address != "local":
        return f"ray_kwargs.ray_init.address={address}"
    launch = view.run.launch
    if launch is None:
        return ""
    given = launch.command.text("RAY_ADDRESS")
    if given and shown(given) != "local":
        return "RAY_ADDRESS is set"
    words = [known(word.text) for word in launch.command.words]
    if {"ray", "job", "submit"} <= {*words}:
        return "`ray job submit` runs it in a cluster"
    for command in launch.script.commands:
        if command.start >= launch.command.start:
            break
        if _has(command.words, "ray", "start"):
            return f"line {command.span.line} starts a cluster"
    return ""


def _has(words: tuple[Word, ...], first: str, second: str) -> bool:
    texts = [known(word.text) or "" for word in words]
    if any(one.rsplit("/", 1)[-1] == first and then == second for one, then in pairwise(texts)):
        return True
    return any(f"{first} {second}" in text for text in texts)


def header(view: View, *options: str) -> Iterator[tuple[int, str]]:
    """(number, option as written) of the whole numbers that `#SBATCH` lines give."""
    launch = view.run.launch
    for option in options if launch is not None else ():
        found = launch.script.sbatch.get(option) if launch is not None else None
        if found is None:
            continue
        match = (_WHOLE if option == "--nodes" else _GPUS).fullmatch(found[0])
        if match is not None:
            yield int(match.group(match.lastindex or 0)), f"#SBATCH {option}={found[0]}"
