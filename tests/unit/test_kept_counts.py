"""Counts that are kept: whole or not at all, found by content alone, and never more than there is room for."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toolspec.compiler.chat import kept_counts


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "toolspec" / "counts"


def test_what_is_kept_is_read_again(place: Path) -> None:
    assert kept_counts.read("name") is None
    kept_counts.keep("name", {"lengths": [1, 2], "text": "é\n"})
    assert kept_counts.read("name") == {"lengths": [1, 2], "text": "é\n"}
    assert (place / "name").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("data", [b"", b"{}", b"x" * 100])
def test_what_is_broken_is_not_there(place: Path, data: bytes) -> None:
    kept_counts.keep("name", [1])
    whole = (place / "name").read_bytes()
    for broken in (data, whole[:-1], whole + b" ", whole.replace(b"[1]", b"[2]")):
        (place / "name").write_bytes(broken)
        assert kept_counts.read("name") is None
    (place / "name").unlink()
    (place / "name").mkdir()
    assert kept_counts.read("name") is None
    kept_counts.keep("name", [1])  # is no fault either


def test_the_name_is_of_all_that_decides_the_counts(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "a.py").write_text("1")
    kept_counts._code.cache_clear()
    first = kept_counts.named(("template", {"a": 1}), (code,))
    assert first == kept_counts.named(("template", {"a": 1}), (code,))
    assert first != kept_counts.named(("template", {"a": 2}), (code,))
    assert kept_counts.named(("ab", "c"), (code,)) != kept_counts.named(("a", "bc"), (code,))
    (code / "a.py").write_text("2")
    kept_counts._code.cache_clear()
    assert first != kept_counts.named(("template", {"a": 1}), (code,))


def test_the_least_used_go_when_there_are_too_many(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_counts, "MOST_BYTES", 2_000)
    for number in range(5):
        kept_counts.keep(str(number), "x" * 400)
        os.utime(place / str(number), (number, number))
    assert kept_counts.read("1") is not None  # makes it the newest
    kept_counts.keep("5", "x" * 400)
    kept_counts.keep("6", "x" * 400)
    left = {path.name for path in place.iterdir()}
    assert {"1", "5", "6"} <= left
    assert not {"0", "2"} & left
    assert sum(path.stat().st_size for path in place.iterdir()) <= 2_000
    kept_counts.keep("large", "x" * 1_500)
    assert kept_counts.read("large") is None


def test_several_may_keep_at_once(place: Path) -> None:
    def work(number: int) -> bool:
        kept_counts.keep("same", [number] * 1_000)
        found = kept_counts.read("same")
        return isinstance(found, list) and len(set(found)) == 1

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    assert [path.name for path in place.iterdir()] == ["same"]
