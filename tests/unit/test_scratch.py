"""Scratch folders: gone at the end, swept after a killed process, and never taken from one that lives."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolspec.compiler.scratch import FOREIGN_DAYS, LOCK, PREFIX, scratch, sweep

ROOT = Path(__file__).parents[2]
HOLDS = """
import sys, time
from pathlib import Path
from toolspec.compiler.scratch import scratch
with scratch(Path(sys.argv[1])) as place:
    (place / "half").write_text("x")
    print(place, flush=True)
    time.sleep(60)
"""


def holder(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that works in a scratch folder of `folder`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def aged(place: Path, days: float) -> None:
    then = time.time() - days * 86400
    for path in (*place.rglob("*"), place):
        os.utime(path, (then, then))


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_nothing_is_left_however_it_ends(error: type[BaseException] | None, tmp_path: Path) -> None:
    def use() -> None:
        with scratch(tmp_path) as place:
            (place / "deep").mkdir()
            (place / "deep" / "file").write_text("x", "utf-8")
            if error is not None:
                raise error

    if error is None:
        use()
    else:
        with pytest.raises(error):
            use()
    assert list(tmp_path.iterdir()) == []


def test_a_living_process_keeps_its_folder_and_a_dead_one_does_not(tmp_path: Path) -> None:
    process, place = holder(tmp_path)
    try:
        aged(place, 365)  # a lock says more than an age
        sweep(tmp_path)
        assert (place / "half").is_file()
    finally:
        process.kill()
        process.wait()
    assert place.is_dir()
    with scratch(tmp_path) as own:
        assert list(tmp_path.iterdir()) == [own]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lock", ["another machine", None], ids=["other", "none"])
def test_what_cannot_be_asked_goes_by_its_age(lock: str | None, tmp_path: Path) -> None:
    """Of another machine, or of a process between making its folder and locking it."""
    place = tmp_path / f"{PREFIX}other"
    place.mkdir()
    if lock is not None:
        (place / LOCK).write_text(lock, "utf-8")
    (place / "half").write_text("x", "utf-8")
    aged(place, FOREIGN_DAYS - 1)
    sweep(tmp_path)
    assert place.is_dir()
    aged(place, FOREIGN_DAYS + 1)
    os.utime(place / "half")  # one file that is still written to
    sweep(tmp_path)
    assert place.is_dir()
    aged(place, FOREIGN_DAYS + 1)
    sweep(tmp_path)
    assert not place.exists()


def test_without_locks_it_goes_by_its_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(95, "no locks here")

    monkeypatch.setattr(fcntl, "flock", none)
    with scratch(tmp_path) as place:
        sweep(tmp_path)
        assert place.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_other_folders_and_links_stay(tmp_path: Path) -> None:
    mine = tmp_path / ".mine"
    mine.mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(mine)
    (tmp_path / f"{PREFIX}file").write_text("x", "utf-8")
    before = sorted(tmp_path.iterdir())
    sweep(tmp_path)
    sweep(tmp_path / "nowhere")
    assert sorted(tmp_path.iterdir()) == before
