"""Answers that lint keeps are true, whoever else keeps, forgets or edits meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toolspec.cli import kept
from toolspec.specs.named_file import is_folder
from toolspec.specs.reads import note, noting

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCRIPT = "python3 -m verl.trainer.main_ppo algorithm.adv_estimator={}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def lint(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "toolspec", "lint", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_processes_side_by_side_answer_as_one_does_without(folder: Path) -> None:
    """As pre-commit starts them: the same questions and others at once, over one cache."""
    for number in range(4):
        text = "echo verl.trainer.main_ppo\n" if number % 2 else SCRIPT.format("grop")
        (folder / f"run{number}.sh").write_text(text, "utf-8")
    questions = [(f"run{number}.sh", "--skip-others") for number in range(4)] * 3
    alone = [lint(*words, "--no-cache") for words in questions[:4]] * 3
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda words: lint(*words), questions))
    for one, other in zip(alone, together, strict=True):
        assert (other.returncode, other.stdout, other.stderr) == (one.returncode, one.stdout, one.stderr)
    assert {one.returncode for one in alone} == {0, 1}
    names = [path.name for path in Path(kept.folder()).iterdir()]
    assert len(names) == 4
    assert not [name for name in names if name.startswith(".")], "a draft is left"


def test_what_changes_while_it_is_looked_at_is_not_kept(folder: Path) -> None:
    """The answer is of the old text, and the file has the new one: kept, it would be given for the new one."""
    file = folder / "a.yaml"
    file.write_text("old", "utf-8")
    with noting() as looked_at:
        note(file)
        file.read_text("utf-8")
        file.write_text("new, and longer", "utf-8")
    kept.keep("q", looked_at, 0, "said of the old text")
    assert kept.answer("q") is None
    with noting() as looked_at:
        note(file)
    kept.keep("q", looked_at, 0, "said of the new text")
    assert kept.answer("q") == (0, "said of the new text")


def test_a_file_that_appears_in_a_folder_is_another_answer(folder: Path) -> None:
    (folder / "sub").mkdir()
    assert lint(".").returncode == lint(".").returncode == 0
    (folder / "sub" / "run.sh").write_text(SCRIPT.format("grop"), "utf-8")
    assert lint(".").returncode == 1


def test_a_folder_that_is_listed_and_asked_for_depends_on_its_names(folder: Path) -> None:
    with noting() as looked_at:
        note(folder, "names")
        assert is_folder(folder)
    kept.keep("q", looked_at, 0, "empty")
    assert kept.answer("q") == (0, "empty")
    (folder / "new").write_text("", "utf-8")
    assert kept.answer("q") is None


def test_many_keep_while_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_ANSWERS", 4)

    def keep(number: int) -> bool:
        kept.keep(f"q{number % 7}", {}, 0, f"answer {number % 7}")
        return kept.answer(f"q{number % 7}") in (None, (0, f"answer {number % 7}"))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(keep, range(200)))
    assert len(list(Path(kept.folder()).iterdir())) <= 7
    kept.keep("last", {}, 1, "last")
    assert kept.answer("last") == (1, "last")


def test_a_cache_that_cannot_be_written_is_no_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").write_text("", "utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "file"))
    kept.keep("q", {}, 0, "answer")
    assert kept.answer("q") is None
