"""pre-commit itself, and this working tree as the git remote that its configurations name.

pre-commit makes the hooks' environment of the tree anew for every test run; the wheels that go in are kept.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from real.cache import cached
from real.environment import Unavailable, run_pip, say

ROOT = Path(__file__).resolve().parents[2]
PRE_COMMIT = "pre-commit>=4,<5"
REV = "v0"


@dataclass(frozen=True)
class PreCommit:
    """`remote`: a git repository of the working tree, tagged REV. `variables`: the environment of every command."""

    python: Path
    remote: Path
    variables: Mapping[str, str]

    def run(self, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def git(self, folder: Path, *arguments: str) -> str:
        done = self.run(folder, "git", *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def __call__(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(folder, str(self.python), "-m", "pre_commit", *arguments)


def pre_commit_in(folder: Path) -> PreCommit:
    """pre-commit with its home in `folder`, which is empty. Raises Unavailable."""
    if shutil.which("git") is None:
        raise Unavailable("there is no git")
    content = {"python": sys.version, "pre-commit": PRE_COMMIT, "wheels": _requirements()}
    made = cached("pre-commit", content, _build)
    plain = {
        k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PIP_", "PYTHON", "PRE_COMMIT"))
    }
    variables = {
        **plain,
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "home" / "cache"),
        "XDG_DATA_HOME": str(folder / "home" / "data"),
        "PRE_COMMIT_HOME": str(folder / "pre-commit"),
        "PRE_COMMIT_COLOR": "never",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_{what}": "test@test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        # Nothing is fetched: what pyproject.toml asks for is among the wheels, or the hook cannot be installed.
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(made / "wheels"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "COLUMNS": "100",
    }
    (folder / "home").mkdir()
    pre_commit = PreCommit(made / "venv" / "bin" / "python", folder / "toolspec", variables)
    _commit_tree(pre_commit)
    return pre_commit


def _requirements() -> list[str]:
    """What the tree's pyproject.toml builds and runs with."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return [*project["build-system"]["requires"], *project["project"]["dependencies"]]


def _build(folder: Path) -> None:
    say(f"making the environment of pre-commit in {folder.parent} (a minute, once)")
    plain = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, env=plain)
    inside = (
        folder / "venv" / "bin" / "python"
    )  # by this name only: scripts keep the path from before the rename
    run_pip(inside, "install", PRE_COMMIT)
    run_pip(inside, "wheel", "--wheel-dir", str(folder / "wheels"), "wheel", *_requirements())


def _commit_tree(pre_commit: PreCommit) -> None:
    """A commit of the tree as it is: what git tracks, and what is new and not ignored."""
    listed = pre_commit.run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    if listed.returncode:
        raise Unavailable("the tests do not lie in a git clone")
    for name in filter(None, re.split("\0", listed.stdout)):
        source, target = ROOT / name, pre_commit.remote / name
        if source.is_symlink() or source.is_file():  # not what is deleted and not committed yet
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    pre_commit.git(pre_commit.remote, "init", "--quiet")
    pre_commit.git(pre_commit.remote, "add", "--all")
    pre_commit.git(pre_commit.remote, "commit", "--quiet", "--message", "the tree")
    pre_commit.git(pre_commit.remote, "tag", REV)
