"""The course of a run by step, of all its attempts, each step once.

An attempt is one start of verl: a log of the run folder, or, where several starts went to one log, a process that
trains. The first step that an attempt trains is where it took up the run: from there on it counts, and what earlier
attempts had logged from that step on was lost with them. A line of validation alone takes nothing away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from toolspec.backends.launch.report.folder import RunFolder, metric_files
from toolspec.backends.launch.report.log_lines import LONGEST_LINE, Line, log_lines
from toolspec.backends.verl.logged import TRAINS, Logged, console_line, file_line
from toolspec.backends.verl.printed import Collector
from toolspec.specs.named_file import UnreadableError, open_regular


class Attempt(NamedTuple):
    """log: the name of its log. submission, restart: 0 where the name does not say. lines: in their order.

    printed: the text of the configuration that verl printed, "" where there is none whole. total: the steps that verl
    said it would take, None where it did not say.
    """

    log: str
    submission: int
    restart: int
    lines: tuple[Logged, ...]
    printed: str
    total: int | None

    @property
    def first(self) -> int | None:
        """The first step that it trained."""
        return next((line.step for line in self.lines if line.training), None)


class Course(NamedTuple):
    """steps: every metric of each step, in their order; validation alone stands at its step too.

    repeated: steps that were trained more than once. sources: the files that the metrics are from. unread: (file, why).
    """

    attempts: tuple[Attempt, ...]
    steps: Mapping[int, Mapping[str, float]]
    repeated: tuple[int, ...]
    sources: tuple[str, ...]
    unread: tuple[tuple[str, str], ...]

    @property
    def trained(self) -> tuple[int, ...]:
        return tuple(step for step, metrics in self.steps.items() if Logged(step, metrics).training)


def read_course(folder: RunFolder) -> Course:
    """Reads every log once, and what the `file` logger wrote. Raises nothing."""
    attempts: list[Attempt] = []
    unread: list[tuple[str, str]] = []
    sources: list[str] = []
    for log in folder.logs:
        name = _name(log.path.name, log.submission)
        try:
            found = list(_attempts(name, log.submission, log.restart, log_lines(log.path, TRAINS)))
        except UnreadableError as error:
            unread.append((name, str(error)))
            continue
        attempts += found
        sources += [name] if any(attempt.lines for attempt in found) else []
    steps, repeated = joined(attempt.lines for attempt in attempts)
    files = {file: tuple(_file_lines(file, unread)) for file in metric_files(folder.path)}
    sources += [file.relative_to(folder.path).as_posix() for file, told in files.items() if told]
    if not steps:  # without a console: a file an attempt (launch.sh)
        steps, repeated = joined(files.values())
    else:
        for told in files.values():
            steps = filled(steps, told)
    ordered = {step: steps[step] for step in sorted(steps)}
    return Course(tuple(attempts), ordered, repeated, tuple(sources), tuple(unread))


def joined(
    attempts: Iterable[Iterable[Logged]],
) -> tuple[dict[int, dict[str, float]], tuple[int, ...]]:
    """(metrics by step, the steps trained more than once), of attempts in the order in which they ran."""
    steps: dict[int, dict[str, float]] = {}
    repeated: set[int] = set()
    for lines in attempts:
        began = False
        for line in lines:
            if line.training and not began:
                began = True
                for step in [step for step in steps if step >= line.step]:
                    if Logged(step, steps[step]).training:
                        repeated.add(step)
                    del steps[step]
            steps.setdefault(line.step, {}).update(line.metrics)
    return steps, tuple(sorted(repeated))


def filled(steps: dict[int, dict[str, float]], told: Iterable[Logged]) -> dict[int, dict[str, float]]:
    """The console's steps, with what only the `file` logger has: one file knows one attempt, which may not be the one
    that counts, so of a step that both have its line counts where they agree on some metric.
    """
    both = {step: dict(metrics) for step, metrics in steps.items()}
    last = max(both, default=-1)
    for line in told:
        have = both.get(line.step)
        if have is None:
            if line.step > last:
                both[line.step] = dict(line.metrics)
        elif any(have.get(key) == value for key, value in line.metrics.items()):
            both[line.step] = {**line.metrics, **have}
    return both


def _attempts(name: str, submission: int, restart: int, lines: Iterable[Line]) -> Iterator[Attempt]:
    """The attempts of one log: one for each process that trains, at least one."""
    collected: dict[str, _Attempt] = {}
    for line in lines:
        if line.process not in collected:
            collected[line.process] = _Attempt()
        collected[line.process].take(line)
    named = {process: one for process, one in collected.items() if process and one.said}
    for one in (named or collected).values():
        yield Attempt(name, submission, restart, tuple(one.lines), one.config.text, one.total)


class _Attempt:
    """What is collected of one process while its log is read."""

    def __init__(self) -> None:
        self.lines: list[Logged] = []
        self.config = Collector()
        self.total: int | None = None

    @property
    def said(self) -> bool:
        return bool(self.lines or self.config.text)

    def take(self, line: Line) -> None:
        text = line.text
        if not line.whole:  # a number may be cut; a configuration is whole when its braces are closed
            self.config.take(text)
            return
        if text.startswith("step:"):
            found = console_line(text)
            if found is not None:
                self.lines.append(found)
            return
        self.config.take(text)
        if "otal training steps: " in text:
            number = text.rpartition("otal training steps: ")[2].strip()
            if number.isascii() and number.isdecimal() and len(number) < 10:
                self.total = int(number)


def _file_lines(file: Path, unread: list[tuple[str, str]]) -> Iterator[Logged]:
    try:
        with open_regular(file) as stream, suppress(OSError):
            while line := stream.readline(LONGEST_LINE):
                found = file_line(line) if line.endswith(b"\n") else None
                if found is not None:
                    yield found
    except UnreadableError as error:
        unread.append((file.name, str(error)))


def _name(file: str, submission: int) -> str:
    return f"logs/{file}" if submission else file
