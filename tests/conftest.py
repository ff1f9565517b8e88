"""Shared by all tests: goldens, the repository's folders, compiled examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden files")


class Goldens:
    """Compares texts with the files of one folder. A missing or a leftover file fails; `--update` rewrites them."""

    def __init__(self, folder: Path, update: bool) -> None:
        self.folder, self.update = folder, update
        self.seen: set[str] = set()

    def check(self, name: str, text: str) -> None:
        self.seen.add(name)
        file = self.folder / name
        if self.update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            return
        assert file.is_file(), f"golden {file} is missing: pytest --update writes it"
        assert file.read_text("utf-8") == text, f"{file} differs: pytest --update, then review the diff"

    def finish(self) -> None:
        """Fail for (or with --update remove) files that no check asked for."""
        there = {p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if p.is_file()}
        leftover = sorted(there - self.seen)
        if self.update:
            for name in leftover:
                (self.folder / name).unlink()
            return
        assert not leftover, f"leftover goldens in {self.folder}: {leftover}"


@pytest.fixture
def goldens(request: pytest.FixtureRequest) -> Iterator[Goldens]:
    """Goldens of the test's own folder, tests/golden/<test function>."""
    folder = ROOT / "tests" / "golden" / request.node.originalname.removeprefix("test_")
    found = Goldens(folder, request.config.getoption("--update"))
    yield found
    found.finish()


@pytest.fixture(autouse=True)
def same_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The width that outputs are compared at, whatever terminal (or none) the tests run in."""
    monkeypatch.setenv("COLUMNS", "100")
