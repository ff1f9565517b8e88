"""The hooks under the real pre-commit, with this repository as their source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from real.cache import cached

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "calculator"
PRE_COMMIT = "pre-commit==4.7.0"
CONFIG = """\
repos:
  - repo: {hooks}
    rev: {commit}
    hooks:
      - id: toolspec-lint
      - id: toolspec-compile-check
"""
SCRIPT = "python3 -m verl.trainer.main_ppo data.train_batch_size=32 trainer.save_frequency=20 trainer.save_freq=5\n"


def tool() -> Path:
    """The interpreter that has pre-commit."""

    def build(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        python = folder / "venv" / "bin" / "python"
        done = subprocess.run(
            [python, "-m", "pip", "install", "-q", PRE_COMMIT], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()[-1000:]

    return cached("pre-commit", PRE_COMMIT, build) / "venv" / "bin" / "python"


def git(folder: Path, *words: str) -> str:
    given = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-C", str(folder), *words]
    return subprocess.run(given, check=True, capture_output=True, text=True).stdout.strip()


def committed(folder: Path) -> str:
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "as it is")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A repository of the working tree's files, and its commit."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git repository")
    folder = tmp_path_factory.mktemp("hooks")
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        source, target = ROOT / name, folder / name
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return folder, committed(folder)


def test_hooks_find_what_is_wrong_and_pass_over_the_rest(hooks: tuple[Path, str], tmp_path: Path) -> None:
    python = tool()
    folder = tmp_path / "experiments"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".pre-commit-config.yaml").write_text(CONFIG.format(hooks=hooks[0], commit=hooks[1]), "utf-8")
    (folder / "compose.yaml").write_text("services: {web: {image: nginx}}\n", "utf-8")
    (folder / "clean.sh").write_text("rm -rf build\n", "utf-8")
    committed(folder)
    environment = {
        **os.environ,
        "PRE_COMMIT_HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    environment.pop("PYTHONPATH", None)

    def run() -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "pre_commit", "run", "--all-files"]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 2

    text = (folder / "exp.yaml").read_text("utf-8")
    (folder / "wrong.yaml").write_text(text.replace("group: 8", "group: eight"), "utf-8")
    (folder / "run.sh").write_text(SCRIPT, "utf-8")
    git(folder, "add", "-A")
    done = run()
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("Failed") == 2
    assert "wrong.yaml:14:43: error[TS026] wrong-value" in done.stdout
    assert re.search(r"run\.sh:1:\d+: error\[TS802\] unknown-verl-key", done.stdout)
    assert "compose.yaml" not in done.stdout and "clean.sh" not in done.stdout
    assert not (folder / "build").exists()
