"""Records and the count of faults on disk: whole lines, none lost, rotated, whatever is killed."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

RUNTIME = Path(__file__).parents[2] / "backends" / "verl" / "runtime"
sys.path.append(str(RUNTIME))

ts_faults = importlib.import_module("ts_faults")
ts_record = importlib.import_module("ts_record")

PROCESSES, RECORDS = 16, 6250  # 100,000 in all
# Writes records of several sizes, and tells the number of each on a pipe once its write has returned.
WRITER = """
import os, sys
sys.path.insert(0, sys.argv[1])
import ts_record
who, first, last = (int(part) for part in sys.argv[2:5])
for number in range(first, last):
    ts_record.append({"who": who, "number": number, "answer": "é" * (number % 97 * 20)})
    os.write(1, b"%d\\n" % number)
"""


def writer(run: Path, who: int, first: int, last: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "TOOLSPEC_RUN_DIR": str(run), "TOOLSPEC_RECORD_BYTES": str(1 << 20)}
    command = [sys.executable, "-I", "-c", WRITER, str(RUNTIME), str(who), str(first), str(last)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def test_nothing_is_torn_or_lost_when_processes_are_killed(tmp_path: Path) -> None:
    """Each process is killed twice on its way, by signal 9, and started again behind what it had told."""
    told: list[set[int]] = [set() for _ in range(PROCESSES)]
    for part in (1, 2, 3):
        until = [RECORDS * part // 3 if part < 3 else RECORDS for _ in range(PROCESSES)]
        running = [
            writer(tmp_path, who, len(told[who]), RECORDS if part < 3 else until[who])
            for who in range(PROCESSES)
        ]
        for who, process in enumerate(running):
            assert process.stdout is not None
            for line in process.stdout:
                told[who].add(int(line))
                if part < 3 and len(told[who]) >= until[who]:
                    process.send_signal(signal.SIGKILL)
                    break
            told[who] |= {int(line) for line in process.stdout if line.endswith(b"\n")}
            process.wait()
            process.stdout.close()
    assert all(told[who] == set(range(RECORDS)) for who in range(PROCESSES))
    found: dict[tuple[int, int], int] = {}
    for record in ts_record.records(tmp_path):
        assert record["answer"] == "é" * (record["number"] % 97 * 20)
        key = (record["who"], record["number"])
        found[key] = found.get(key, 0) + 1
    assert set(found) == {(who, number) for who in range(PROCESSES) for number in range(RECORDS)}
    # A process that was killed between its write and its word wrote once more when it was started again.
    assert sum(found.values()) - len(found) <= 2 * PROCESSES
    files = list((tmp_path / "trajectories").iterdir())
    assert len(files) > 3 * PROCESSES
    assert max(file.stat().st_size for file in files) < (1 << 20) + 8192


def test_a_write_that_falls_short_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, made by the limit on the size of a file."""
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[1]); import ts_record\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "for n in range(10): ts_record.append({'n': n, 'pad': 'x' * 1500})\n"
    )
    monkeypatch.setenv("TOOLSPEC_RUN_DIR", str(tmp_path))
    subprocess.run([sys.executable, "-I", "-c", code, str(RUNTIME)], check=True, capture_output=True)
    assert [record["n"] for record in ts_record.records(tmp_path)] == [0, 1, 2]
    (file,) = (tmp_path / "trajectories").iterdir()
    assert file.read_bytes().endswith(b"\n")


def test_a_number_of_the_row_that_is_none_loses_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLSPEC_RUN_DIR", str(tmp_path))
    ts_record.append({"index": float("nan"), "calls": [{"seconds": float("inf"), "name": "a"}]})
    assert list(ts_record.records(tmp_path)) == [{"index": None, "calls": [{"seconds": None, "name": "a"}]}]


def test_a_line_without_its_end_is_no_record(tmp_path: Path) -> None:
    folder = tmp_path / "trajectories"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(b'{"n": 1}\n{"n": 2')
    assert list(ts_record.records(tmp_path)) == [{"n": 1}]


def test_a_forked_process_has_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import ts_record\n"
        "ts_record.append({'n': 1})\n"
        "child = os.fork()\n"
        "ts_record.append({'n': 2})\n"
        "child and os.waitpid(child, 0)\n"
    )
    monkeypatch.setenv("TOOLSPEC_RUN_DIR", str(tmp_path))
    subprocess.run([sys.executable, "-I", "-c", code, str(RUNTIME)], check=True)
    files = [file.read_text().count("\n") for file in (tmp_path / "trajectories").iterdir()]
    assert sorted(files) == [1, 2]


def counts(run: Path, monkeypatch: pytest.MonkeyPatch, *processes: list[str | None]) -> None:
    monkeypatch.setenv("TOOLSPEC_RUN_DIR", str(run))
    monkeypatch.setattr(ts_faults, "EVERY_SECONDS", 0.0)
    for number, faults in enumerate(processes):
        count = ts_faults.Faults()
        for fault in faults:
            count.add(fault)
        # one process here stands for several: a name of its own each
        (file,) = (run / "faults").glob(f"{count.name}.json")
        file.rename(run / "faults" / f"{number}.json")


def test_the_share_of_faults_is_that_of_all_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[str | None] = ["KeyError: 'x'"] * 30
    sound: list[str | None] = [None] * 170
    counts(tmp_path, monkeypatch, broken, sound)
    (tmp_path / "faults" / "half.json").write_text('{"scored": 1')
    assert ts_faults.counted(tmp_path) == (200, 30, "KeyError: 'x'")
    assert ts_faults.too_many(tmp_path, 0.2) == ""
    told = ts_faults.too_many(tmp_path, 0.1)
    assert told == "30 of 200 scores were faults, more than 10%; the first: KeyError: 'x'"


@pytest.mark.parametrize(
    "text", ["", "[1]", "[" * 100_000, '{"scored": Infinity, "faults": 1, "first": "x"}']
)
def test_a_count_that_cannot_be_read_is_left_out(text: str, tmp_path: Path) -> None:
    """Who reads it watches over the job, and must not end before it."""
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "a.json").write_text(text)
    (tmp_path / "faults" / "b.json").write_text('{"scored": 7, "faults": 1, "first": "x"}')
    assert ts_faults.counted(tmp_path) == (7, 1, "x")


def test_a_few_faults_at_the_start_end_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few: list[str | None] = ["x"] * 99
    counts(tmp_path, monkeypatch, few)
    assert ts_faults.too_many(tmp_path, 0.1) == ""
    assert ts_faults.too_many(tmp_path / "nosuch", 0.1) == ""


def test_a_record_is_valid_json_whatever_stands_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLSPEC_RUN_DIR", str(tmp_path))
    values: list[Any] = ["\ud800", "a\nb\u2028c", {1: 2}, Path("x"), float("nan")]
    for odd in values:
        ts_record.append({"odd": odd})
    assert len(list(ts_record.records(tmp_path))) == len(values)
    assert all(json.dumps(record) for record in ts_record.records(tmp_path))
