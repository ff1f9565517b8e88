"""The wheel and the sdist, built from a copy of the tree and installed in clean environments, do what a clone does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_SOURCE = shutil.ignore_patterns(
    ".*", "build", "dist", "runs", "*.egg-info", "__pycache__", "tests", "docs", "bench"
)
# Folder of the repository → where it belongs under toolspec/.
PLACES = {
    "specs": "specs",
    "compiler": "compiler",
    "backends": "backends",
    "src/toolspec/cli": "cli",
    "src/toolspec/lsp": "lsp",
}
HEAVY = ("torch", "verl", "transformers", "hydra", "omegaconf", "ray")
IMPORT_EVERYTHING = """
import importlib, pkgutil, toolspec
names = [m.name for m in pkgutil.walk_packages(toolspec.__path__, "toolspec.") if not m.name.endswith("__main__")]
for name in names:
    if not name.startswith("toolspec.lsp."):  # needs pygls, which the extra `lsp` brings
        importlib.import_module(name)
print(len(names), toolspec.__file__)
"""


@dataclass(frozen=True)
class Installed:
    """A clean environment with toolspec and its dependencies."""

    folder: Path

    def run(self, name: str, *arguments: str, cwd: Path, more: Mapping[str, str] | None = None) -> str:
        """Standard output of one of its scripts, run in a folder outside the clone."""
        return run(str(self.folder / "bin" / name), *arguments, cwd=cwd, more=more)


def run(*command: str, cwd: Path, more: Mapping[str, str] | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=cwd, env={**environment, **(more or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def installed(requirement: Path, folder: Path) -> Installed:
    run(sys.executable, "-m", "venv", str(folder), cwd=folder.parent)
    pip = ["-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    run(str(folder / "bin" / "python"), *pip, str(requirement), cwd=folder.parent)
    return Installed(folder)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository without what a build or a test left there."""
    folder = tmp_path_factory.mktemp("clone") / "tree"
    shutil.copytree(ROOT, folder, symlinks=True, ignore=NOT_SOURCE)
    return folder


@pytest.fixture(scope="module")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--outdir", str(folder), str(tree), cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("toolspec-*-py3-none-any.whl")
    return found


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    (found,) = built.glob("toolspec-*.tar.gz")
    return found


@pytest.fixture(scope="module")
def from_wheel(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return installed(wheel, tmp_path_factory.mktemp("wheel") / "env")


@pytest.fixture(scope="module")
def from_sdist(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return installed(sdist, tmp_path_factory.mktemp("sdist") / "env")


@pytest.fixture(params=["wheel", "sdist"])
def environment(request: pytest.FixtureRequest) -> Installed:
    found: Installed = request.getfixturevalue(f"from_{request.param}")
    return found


def files_of_the_package(tree: Path) -> dict[str, bytes]:
    """Path under site-packages → content, of every file that the package is made of."""
    files = {
        f"toolspec/{path.name}": path for path in (tree / "src" / "toolspec").glob("*") if path.is_file()
    }
    for folder, place in PLACES.items():
        for path in (tree / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                files[f"toolspec/{place}/{path.relative_to(tree / folder).as_posix()}"] = path
    return {name: path.read_bytes() for name, path in files.items()}


def test_wheel_and_sdist_carry_every_file_and_no_other(tree: Path, wheel: Path, sdist: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        wheel_files = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    with tarfile.open(sdist) as archive:
        assert all(member.isfile() or member.isdir() for member in archive), (
            "a link in an sdist leads nowhere"
        )
        names = [member.name.partition("/")[2] for member in archive if member.isfile()]
    package = files_of_the_package(tree)
    kinds = {Path(name).suffix for name in package}
    assert {".py", ".json", ".yaml", ".txt"} <= kinds  # templates, tables and run-time modules are among them
    assert sorted(wheel_files) == sorted(package)
    assert wheel_files == package
    assert set(names) >= {f"src/{name}" for name in package} | {"README.md", "LICENSE", "pyproject.toml"}


def test_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    for line in ("Name: toolspec", "License-Expression: Apache-2.0", "Requires-Python: >=3.10"):
        assert line in metadata.splitlines()
    assert "# toolspec" in metadata, "the README is the project's page"


def test_only_toolspec_lands_in_site_packages(environment: Installed, tmp_path: Path) -> None:
    code = "import importlib.metadata as m; print(*(f for f in m.files('toolspec')), sep='\\n')"
    files = environment.run("python", "-c", code, cwd=tmp_path).splitlines()
    tops = {re.sub(r"^toolspec-[\d.]+\.dist-info$", "dist-info", Path(name).parts[0]) for name in files}
    assert tops == {"toolspec", "dist-info", ".."}
    assert [name for name in files if name.startswith("..")] == ["../../../bin/toolspec"]


def test_every_module_imports(environment: Installed, tmp_path: Path) -> None:
    number, place = environment.run("python", "-c", IMPORT_EVERYTHING, cwd=tmp_path).split()
    assert int(number) > 50
    assert Path(place).is_relative_to(environment.folder)


def test_the_command_runs(environment: Installed, tree: Path, tmp_path: Path) -> None:
    declared = re.search(r'^version = "(.+)"', (tree / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert declared is not None
    assert environment.run("toolspec", "--version", cwd=tmp_path) == f"toolspec {declared[1]}\n"
    assert (
        environment.run("python", "-m", "toolspec", "--version", cwd=tmp_path) == f"toolspec {declared[1]}\n"
    )
    environment.run("toolspec", "init", "--yes", "--from", "search", cwd=tmp_path)
    assert (tmp_path / "exp.yaml").is_file()


def compiled(python: str, spec: Path, cwd: Path, more: Mapping[str, str]) -> dict[str, str]:
    command = [python, "-m", "toolspec", "compile", str(spec), "--out", "bundle", "--format", "json"]
    found: dict[str, str] = json.loads(run(*command, cwd=cwd, more=more))
    return found


def test_it_compiles_what_a_clone_compiles(environment: Installed, tree: Path, tmp_path: Path) -> None:
    """The calculator example, copied: the same bundle to the byte, and it is whole on disk."""
    shutil.copytree(tree / "examples" / "calculator", tmp_path / "spec")
    spec = tmp_path / "spec" / "exp.yaml"
    (tmp_path / "here").mkdir()
    (tmp_path / "clone").mkdir()
    ours = compiled(str(environment.folder / "bin" / "python"), spec, tmp_path / "here", {})
    theirs = compiled(sys.executable, spec, tmp_path / "clone", {"PYTHONPATH": str(tree / "src")})
    assert ours["bundle"] == theirs["bundle"]
    for name in (
        "config.yaml",
        "launch.sh",
        "manifest.json",
        "ts_reward.py",
        "ts_terms/correct.py",
        "ts_user/tools.py",
    ):
        assert (tmp_path / "here" / "bundle" / name).is_file(), name


@pytest.mark.parametrize("command", ["compile", "plan"])
def test_nothing_heavy_is_imported(from_wheel: Installed, tree: Path, tmp_path: Path, command: str) -> None:
    """Not even tried: each of these modules is there, and leaves a mark when it is imported."""
    traps = tmp_path / "traps"
    traps.mkdir()
    for name in HEAVY:
        (traps / f"{name}.py").write_text(
            "import os, pathlib\n"
            "pathlib.Path(os.environ['MARK']).write_text(__name__)\n"
            "raise ImportError('a trap')\n"
        )
    mark = tmp_path / "mark"
    more = {"PYTHONPATH": str(traps), "MARK": str(mark)}
    shutil.copytree(tree / "examples" / "calculator", tmp_path / "spec")
    from_wheel.run("toolspec", command, "spec/exp.yaml", cwd=tmp_path, more=more)
    assert not mark.exists(), f"{mark.read_text()} was imported"
    from_wheel.run("python", "-c", "try: import torch\nexcept ImportError: pass", cwd=tmp_path, more=more)
    assert mark.read_text() == "torch"  # the trap works
