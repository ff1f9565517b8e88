"""What surrounds the command that starts verl: the job's header, the environment, commands that ran before it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from toolspec.backends.verl.written.run import Launch
from toolspec.backends.verl.written.shell.text import Command, Script, Text, known, shown
from toolspec.specs.problem import Span

_SHORT = {
    "N": "nodes",
    "n": "ntasks",
    "c": "cpus-per-task",
    "G": "gpus",
    "a": "array",
}
_FLAGS = frozenset(
    {"exclusive", "requeue", "parsable", "no-requeue", "verbose", "hold", "wait", "overcommit"}
)
_GPUS = re.compile(r"(?:[\w.-]+:)*?(\d+)")
_GRES = re.compile(r"(?:^|,)(?:gres/|gres:)?gpu(?::[A-Za-z][\w.-]*)?(?::(\d+))?(?:\([^)]*\))?(?=,|$)")


class Slurm(NamedTuple):
    """The `#SBATCH` lines of a script: option by its long name, as written, with the place."""

    options: Mapping[str, tuple[str, Span]] = MappingProxyType({})

    def integer(self, name: str) -> int | None:
        """The option as a number, None where it is not given or is no single number."""
        text = self.options.get(name, ("",))[0]
        return int(text) if text.isdigit() else None

    @property
    def nodes(self) -> int | None:
        """1 where nothing is said, as sbatch has it; None for a range or what tasks decide."""
        if "nodes" in self.options:
            return self.integer("nodes")
        return None if {"ntasks", "ntasks-per-node"} & set(self.options) else 1

    @property
    def gpus_per_node(self) -> tuple[int, str] | None:
        """GPUs of each node and the option that says so; None where the header does not settle it."""
        for name in ("gpus-per-node", "gres"):
            text = self.options.get(name, ("",))[0]
            found = _GPUS.fullmatch(text) if name == "gpus-per-node" else _GRES.search(text)
            if found is not None:
                return int(found[1] or 1), name
        total = _GPUS.fullmatch(self.options.get("gpus", ("",))[0])
        if total is not None and self.nodes and int(total[1]) % self.nodes == 0:
            return int(total[1]) // self.nodes, "gpus"
        by_task = _GPUS.fullmatch(self.options.get("gpus-per-task", ("",))[0])
        tasks = self.integer("ntasks-per-node")
        if by_task is not None and tasks:
            return int(by_task[1]) * tasks, "gpus-per-task"
        return None


def slurm_header(script: Script) -> Slurm | None:
    """None for a script without `#SBATCH` lines. sbatch reads them up to the first command."""
    options: dict[str, tuple[str, Span]] = {}
    first = min((c.span.line for c in script.commands), default=len(script.lines) + 1)
    for number, line in enumerate(script.lines, 1):
        if number >= first:
            break
        if not line.startswith("#SBATCH"):
            continue
        body = line[len("#SBATCH") :]
        span = Span(script.file, number, len("#SBATCH") + 2, max(1, len(body.strip())))
        for name, value in _options(body):
            options[name] = (value, span)
    return Slurm(options) if options else None


def _options(text: str) -> Iterator[tuple[str, str]]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        return
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
        elif len(word) > 1 and word.startswith("-"):
            name, value = _SHORT.get(word[1], word[1]), word[2:].removeprefix("=")
            equals = value
        else:
            continue
        if not equals and name not in _FLAGS and at < len(words) and not words[at].startswith("-"):
            value = words[at]
            at += 1
        yield name, value


def earlier(launch: Launch) -> tuple[Command, ...]:
    """The commands that surely run before verl is started."""
    start = launch.command.start
    same = ("", launch.command.when)
    return tuple(c for c in launch.script.commands if c.start < start and c.when in same)


def words(command: Command) -> list[str]:
    """The words as they read, `$NAME` where they are not known."""
    return [shown(word.text) for word in command.words]


def runs(command: Command, *names: str) -> bool:
    """Whether the words stand in the command one behind the other, whatever launches it (`srun … ray start`)."""
    found = words(command)
    size = len(names)
    return any(tuple(found[at : at + size]) == names for at in range(len(found) - size + 1))


class Cluster(NamedTuple):
    """Why ray.init finds a running cluster. sure: on this very machine, or by an address. key: what to name."""

    why: str
    span: Span
    key: str
    sure: bool


def cluster(launch: Launch) -> Cluster | None:
    """The Ray cluster that verl joins, as far as the script tells.

    Source: ray 2, ray.init: with no address it takes RAY_ADDRESS, else a cluster that runs on the machine.
    """
    command = launch.command
    if runs(command, "ray", "job", "submit") or runs(command, "ray", "submit"):
        return Cluster(
            "it is submitted to a cluster with `ray job submit`", command.span, "launch:ray job submit", True
        )
    address = exported(launch, "RAY_ADDRESS")
    if address:
        return Cluster(f"RAY_ADDRESS is {shown(address)}", command.span, "launch:RAY_ADDRESS", True)
    started: Command | None = None
    for one in earlier(launch):
        if runs(one, "ray", "start"):
            started = one
        elif runs(one, "ray", "stop"):
            started = None
    if started is None:
        return None
    line = started.span.line
    local = words(started)[:2] == ["ray", "start"]
    return Cluster(f"`ray start` runs before it (line {line})", started.span, "launch:ray start", local)


def mentions_cluster(script: Script) -> bool:
    """Whether the script has to do with a Ray cluster in any way, also in branches and in texts."""
    return any(re.search(r"\bray (start|job|submit|up|attach)\b|RAY_ADDRESS", line) for line in script.lines)


def exported(launch: Launch, name: str) -> Text | None:
    """What the command finds in its environment; None where the script does not put it there."""
    value = launch.command.text(name)
    if value is None:
        return None
    pattern = re.compile(
        rf"(?:\bexport\b|\bdeclare\s+-x|\benv\b).*\b{name}\b|^\s*(?:\w+=\S+\s+)*{name}=\S+\s+\S"
    )
    return value if any(pattern.search(line) for line in launch.script.lines) else None


def visible_gpus(launch: Launch) -> tuple[int, str] | None:
    """GPUs that CUDA_VISIBLE_DEVICES leaves, and its value; None where it is not set or not known."""
    text = exported(launch, "CUDA_VISIBLE_DEVICES")
    value = None if text is None else known(text)
    if not value or not re.fullmatch(r"\d+(?:,\d+)*", value):
        return None
    return len(value.split(",")), value
