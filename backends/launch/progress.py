"""How far a run is and how well it does: the end of its newest logs and records, never the whole of a file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from toolspec.backends.launch.values import end_of
from toolspec.specs.named_file import UnreadableError

STEPS_OF_BYTES = (16 << 10, 64 << 10, 256 << 10)
"""How much of a log's end is looked at, more where it holds no step: a step's line is some 5 KiB."""
RECORD_STEPS = (32 << 10, 256 << 10)
"""How much of the records' ends: more where they hold few trajectories of training, since validation may be last."""
ENOUGH_RECORDS = 64
MOST_RECORD_FILES = 2
MOST_LOGS = 3

_LOG = re.compile(r"(\d{4,9})\.(\d{1,6})\.log")
_RECORDS = re.compile(r"(.*)-(\d{1,20})-(\d{4,9})\.jsonl")
# What verl's console logger prints (utils/logger/aggregate_logger.py: concat_dict_to_str), behind Ray's style and name.
_STEP = re.compile(rb"(?:\x1b\[[\d;]{0,20}m|\([^()\r\n]{1,200}\)|[ \t])*step:(\d{1,9}) - ")
_SCORE = re.compile(
    rb" critic/score/mean:(?:np\.\w{1,12}\()?(-?\d[\d.]{0,30}(?:e[+-]?\d{1,3})?)\)?(?= - |\r?\n)"
)
_SECONDS = re.compile(rb" timing_s/step:(?:np\.\w{1,12}\()?(\d[\d.]{0,30}(?:e[+-]?\d{1,3})?)\)?(?= - |\r?\n)")
# A whole line of ts_record.py's. Inside a text of JSON the quotation marks would be escaped: these are keys.
_SOLVED = re.compile(rb'"split": "train"[^\n]*"task_success": (\d(?:\.\d{1,20})?)[,}][^\n]*\n')


class Log(NamedTuple):
    """The log of one attempt. modified: epoch seconds."""

    file: Path
    submission: int
    restart: int
    modified: float


class Progress(NamedTuple):
    """step: the last that verl logged. score: `critic/score/mean` of that step. success: the share of solved tasks
    among the newest `judged` training trajectories on record. step_seconds: what that step took. None: not known."""

    step: int | None = None
    score: float | None = None
    success: float | None = None
    judged: int = 0
    step_seconds: float | None = None


def logs(run: Path) -> list[Log]:
    """The logs of a run's attempts, in the order in which they ran."""
    found = []
    try:
        with os.scandir(run / "logs") as entries:
            for entry in entries:
                name = _LOG.fullmatch(entry.name)
                if name and entry.is_file():
                    status = entry.stat()
                    found.append(Log(Path(entry.path), int(name[1]), int(name[2]), status.st_mtime))
    except OSError:
        pass  # no log yet, or a folder that is closed
    return sorted(found, key=lambda log: (log.submission, log.restart))


def progress(run: Path, listed: list[Log]) -> Progress:
    """Of the newest attempt that got to a step. listed: see `logs`. Never raises."""
    success, judged = _success(run)
    for log in listed[: -MOST_LOGS - 1 : -1]:
        step, score, seconds = _last_step(log.file)
        if step is not None:
            return Progress(step, score, success, judged, seconds)
    return Progress(None, None, success, judged)


def _lines_of(file: str, size: int) -> bytes:
    """The last `size` bytes, from the beginning of a line on; b"" for no file."""
    try:
        data = end_of(file, size)
    except UnreadableError:
        return b""
    return data if len(data) < size else data[data.find(b"\n") + 1 :]


def _last_step(file: Path) -> tuple[int | None, float | None, float | None]:
    """Its number, its score and its seconds."""
    for size in STEPS_OF_BYTES:
        data = _lines_of(str(file), size)
        at = len(data)
        while (at := data.rfind(b"step:", 0, at)) >= 0:
            begin = data.rfind(b"\n", 0, at) + 1
            found = _STEP.match(data, begin)
            if found:
                end = data.find(b"\n", at) + 1 or len(data)
                # From its begin: `at` may be that of `timing_s/step:`, which the line has behind its score.
                return int(found[1]), _value(_SCORE, data, begin, end), _value(_SECONDS, data, begin, end)
            at = begin
        if len(data) < size - (64 << 10):
            break  # that was all of it
    return None, None, None


def _value(pattern: re.Pattern[bytes], data: bytes, begin: int, end: int) -> float | None:
    found = pattern.search(data, begin, end)
    return float(found[1]) if found and found[1].count(b".") < 2 else None


def _success(run: Path) -> tuple[float | None, int]:
    try:
        names = os.listdir(run / "trajectories")  # noqa: PTH208 - 10 times as fast as iterdir
    except OSError:
        return None, 0
    files = sorted(
        (int(found[2]), int(found[3]), name) for name in names if (found := _RECORDS.fullmatch(name))
    )
    solved: list[bytes] = []
    for size in RECORD_STEPS:
        ends = [_lines_of(f"{run}/trajectories/{name}", size) for _, _, name in files[-MOST_RECORD_FILES:]]
        solved = [each for end in ends for each in _SOLVED.findall(end)]
        if len(solved) >= ENOUGH_RECORDS:
            break
    return (sum(map(float, solved)) / len(solved), len(solved)) if solved else (None, 0)
