"""Answers and counts of these tests are kept in a folder of their own, never in the user's."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def kept_answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(kept_answers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each test alone: tests/real, which the same worker may run, have their environments in the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept_answers))
