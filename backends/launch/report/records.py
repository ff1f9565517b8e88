"""What the reward recorded, as sums by step: read line by line, so that memory does not grow with the run.

A record is a line of `trajectories/HOST-PID-BEGAN-NNNN.jsonl` (ts_record.py of the bundle; ts_reward.py says what is in
it). It names its training step: the column `global_steps` of V1, the version of the weights in V0 (ts_weigh.step_of).
`split` is the row's own word: verl tells training and validation apart on no release.

A run that was requeued has records of steps that were lost with an attempt. A file belongs to the attempt during which
its process first wrote: the last `began` event before it. Without events, and with several starts in the log, a new
attempt begins where a process first wrote after all before it had last written. From the first training step of an
attempt on its records count, and earlier ones are left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from toolspec.backends.launch.report.folder import listed, number_of, whole_of
from toolspec.specs.named_file import UnreadableError, open_regular

Split = Literal["train", "val"]
VALIDATION = frozenset({"val", "validation", "valid", "test", "eval"})  # as ts_weigh.VALIDATION
LONGEST_LINE = 8 << 20
MOST_STEPS = 10**9
SKEW_SECONDS = 5.0  # clocks of a cluster's nodes; attempts begin further apart
_FILE = re.compile(r"(?P<process>.{1,255}-\d{1,10}-(?P<began>\d{1,16}))-\d{1,9}\.jsonl")


@dataclass(slots=True)
class Sums:
    """Of the trajectories of one step. parsed, malformed: calls that could be read and those that could not, of
    `reading` trajectories; solved: Σ of the value of `correct`, of `answering` trajectories.
    """

    records: int = 0
    score: float = 0.0
    solved: float = 0.0
    answering: int = 0
    parsed: float = 0.0
    malformed: int = 0
    reading: int = 0
    faults: int = 0
    unsplit: int = 0

    def count(self, told: _Told) -> None:
        """Adds one record."""
        self.records += 1
        self.score += told.score
        self.faults += told.fault
        if told.solved is not None:
            self.solved += told.solved
            self.answering += 1
        if told.calls is not None:
            self.parsed += told.calls
            self.malformed += told.malformed
            self.reading += 1

    def add(self, other: Sums) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def mean_score(self) -> float | None:
        return self.score / self.records if self.records else None

    @property
    def success_rate(self) -> float | None:
        return self.solved / self.answering if self.answering else None

    @property
    def parse_rate(self) -> float | None:
        """Of all calls that were opened, those that could be parsed; None where none was opened."""
        opened = self.parsed + self.malformed
        return self.parsed / opened if opened else None

    @property
    def calls(self) -> float | None:
        """Parsed calls a trajectory."""
        return self.parsed / self.reading if self.reading else None


class Records(NamedTuple):
    """train, val: sums by step. lost: records of steps that a later attempt trained again. stepless: records that name
    no step. broken: whole lines that are no record. unread: (file, why). files: how many there are.
    """

    train: Mapping[int, Sums]
    val: Mapping[int, Sums]
    lost: int
    stepless: int
    broken: int
    unread: tuple[tuple[str, str], ...]
    files: int

    @property
    def total(self) -> Sums:
        """Of training and validation."""
        found = Sums()
        for sums in (*self.train.values(), *self.val.values()):
            found.add(sums)
        return found


class _File(NamedTuple):
    """process: what its files share. began, last: seconds since the epoch; 0 where it does not say."""

    process: str
    began: float
    last: float
    sums: dict[tuple[Split, int], Sums]
    stepless: int
    broken: int


def read_records(run: Path, began: Sequence[float] = (), attempts: int = 1) -> Records:
    """Every whole record. began: when attempts did, seconds since the epoch, rising; attempts: how many the log has,
    for a run without such events. Raises nothing.
    """
    unread: list[tuple[str, str]] = []
    files: list[_File] = []
    names = listed(run / "trajectories", lambda name: name.endswith(".jsonl"))
    for file in names:
        try:
            files.append(_read(file))
        except UnreadableError as error:
            unread.append((f"trajectories/{file.name}", str(error)))
    groups = _by_event(files, began) if len(began) > 1 else _by_gap(files) if attempts > 1 else [files]
    train, val, lost = _joined(groups)
    return Records(
        {step: train[step] for step in sorted(train)},
        {step: val[step] for step in sorted(val)},
        lost,
        sum(file.stepless for file in files),
        sum(file.broken for file in files),
        tuple(unread),
        len(names),
    )


def _read(file: Path) -> _File:
    """Raises UnreadableError."""
    named = _FILE.fullmatch(file.name)
    sums: dict[tuple[Split, int], Sums] = {}
    stepless = broken = 0
    last: Any = None
    tails: dict[bytes, _Told] = {}
    with open_regular(file) as stream, suppress(OSError):
        for line in _whole_lines(stream):
            found = _quick(line, tails) or _slow(line)
            if found is None:
                broken += 1
                continue
            time, step, split, told = found
            if step is None:
                stepless += 1
                continue
            key: tuple[Split, int] = ("val" if split in VALIDATION else "train", step)
            one = sums.get(key)
            if one is None:
                one = sums[key] = Sums()
            one.count(told)
            one.unsplit += split is None
            last = time or last
    process, began = (named["process"], int(named["began"]) / 1000) if named else (file.name, 0.0)
    return _File(process, began, float(last or 0.0), sums, stepless, broken)


class _Told(NamedTuple):
    """What a record adds to the sums; None where it has no such metric."""

    score: float
    solved: float | None
    calls: float | None
    malformed: int
    fault: bool


_Found = tuple[Any, int | None, str | None, _Told]  # (time, step, split, what it adds)

# A line as ts_record.py and ts_reward.py write it: these keys come first, and `score` to `fault` last. In JSON a quote
# inside a text is escaped, so that what is looked for by its quotes is never found in a text. A line of another form is
# read as any JSON; this way takes a fifth of the time (1,024,000 records are read in seconds).
_HEAD = re.compile(
    rb'\{"version": 1, "time": (\d{1,12}(?:\.\d{1,9})?), "uid": (?:"[^"\\\n]*"|null), '
    rb'"session": (?:\d{1,9}|null|"[^"\\\n]*"), "step": (\d{1,9}), "weights": (?:-?\d{1,9}|null), '
    rb'"split": (?:"([a-z]{1,20})"|null), '
)
_SPLITS: Mapping[bytes | None, str | None] = {
    None: None,
    b"train": "train",
    **{word.encode(): word for word in VALIDATION},
}
MOST_TAILS = 4096


def _quick(line: bytes, tails: dict[bytes, _Told]) -> _Found | None:
    """A line in the form of the bundle's own writer; None for any other. tails: what each tail met says."""
    head = _HEAD.match(line)
    if head is None:
        return None
    split = _SPLITS.get(head[3], "")
    if split == "":
        return None
    paid = line.rfind(b', "paid": {')
    start = line.rfind(b', "score": ', head.end(), paid) if paid > 0 else -1
    if start < 0:
        return None
    at = line.find(b', "malformed": ', head.end(), start)
    malformed = line[at + 15 : line.find(b",", at + 15)] if at > 0 else b"0"
    tail = malformed + line[start:]
    told = tails.get(tail)
    if told is None:
        try:
            record = json.loads(b'{"malformed": ' + tail)
        except (ValueError, RecursionError):
            return None
        told = _told(record)
        if len(tails) < MOST_TAILS:
            tails[tail] = told
    return head[1], int(head[2]), split, told


def _slow(line: bytes) -> _Found | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    step = record.get("step")
    known = isinstance(step, int) and not isinstance(step, bool) and 0 <= step < MOST_STEPS
    split = record.get("split")
    return (
        number_of(record.get("time")),
        step if known else None,
        None if split is None else split if isinstance(split, str) else "",
        _told(record),
    )


def _told(record: Mapping[str, Any]) -> _Told:
    """A reward that is one function has no calls, and may have no `task_success`."""
    found = record.get("metrics")
    metrics: Mapping[str, Any] = found if isinstance(found, dict) else {}
    return _Told(
        number_of(record.get("score")) or 0.0,
        number_of(metrics.get("task_success")),
        number_of(metrics.get("tool_calls")),
        whole_of(record.get("malformed")) or 0,
        record.get("fault") is not None,
    )


def _whole_lines(stream: Any) -> Iterator[bytes]:
    while line := stream.readline(LONGEST_LINE):
        if line.endswith(b"\n"):
            yield line
        elif len(line) == LONGEST_LINE:
            while line and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_LINE)


def _by_event(files: Iterable[_File], began: Sequence[float]) -> list[list[_File]]:
    groups: list[list[_File]] = [[] for _ in began]
    for file in files:
        at = sum(1 for time in began if time <= file.began + SKEW_SECONDS) - 1
        groups[max(at, 0)].append(file)
    return groups


def _by_gap(files: Sequence[_File]) -> list[list[_File]]:
    groups: list[list[_File]] = []
    last = -math.inf
    ends: dict[str, float] = {}  # a process goes on in further files
    for file in files:
        ends[file.process] = max(ends.get(file.process, 0.0), file.last)
    for file in sorted(files, key=lambda file: (file.began, file.process)):
        if file.began > last or not groups:
            groups.append([])
        groups[-1].append(file)
        last = max(last, ends[file.process])
    return groups


def _joined(groups: Iterable[Iterable[_File]]) -> tuple[dict[int, Sums], dict[int, Sums], int]:
    """(training, validation, records of lost steps), of the files of attempts in the order in which they ran."""
    train: dict[int, Sums] = {}
    val: dict[int, Sums] = {}
    lost = 0
    for group in groups:
        mine: dict[Split, dict[int, Sums]] = {"train": {}, "val": {}}
        for file in group:
            for (split, step), sums in file.sums.items():
                mine[split].setdefault(step, Sums()).add(sums)
        first = min(mine["train"], default=None)
        for split, kept in (("train", train), ("val", val)):
            gone = [step for step in kept if (first is not None and step >= first) or step in mine[split]]
            for step in gone:
                lost += kept.pop(step).records
            kept.update(mine[split])
    return train, val, lost
