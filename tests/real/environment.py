"""A CPU environment with what verl's own validation imports, and the unpacked wheels of the releases.

Run as a script, it makes them and prints where they are: `PYTHONPATH=tests python -m real.environment`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from real.cache import cached

RELEASES = ("0.7.1", "0.8.0", "0.9.1")
OLDEST_PYTHON, FIRST_UNUSABLE_PYTHON = (3, 10), (3, 13)  # verl's dependencies have no files for 3.13 yet
TORCH = "torch==2.13.0"  # pinned: this one has a CPU file; the newest may come with gigabytes of CUDA
REQUIREMENTS = (
    "hydra-core",
    "transformers>=5.5.3,<5.11,!=5.6.0",
    "tensordict>=0.8,<=0.10,!=0.9",
    "numpy>=2",
    "ray",
    "codetiming",
    "datasets",
    "pandas",
    "pyarrow",
    "pillow",
    "aiohttp",
    "cachetools",
    "uvicorn",
    "fastapi",
    "dill",
    "pylatexenc",
    "pybind11",
    "packaging",
    "torchdata",
    "TransferQueue",
    "peft",
    "tiktoken",
)
PIP_WORDS = 300  # characters of its last error that a message repeats


class Unavailable(Exception):
    """Real verl cannot be had on this machine. The message says why."""


@dataclass(frozen=True)
class Environment:
    """`python`: an interpreter that can import the releases. `wheels`: holds a folder for each release."""

    python: Path
    wheels: Path

    def wheel(self, release: str) -> Path:
        """The unpacked wheel of a release: goes first on the import path, or to `prove.py --wheel`."""
        return self.wheels / release


def real_environment() -> Environment:
    """The environment of this machine, made on the first call (minutes; later ones are instant).

    Raises Unavailable: no usable Python, or pip could not get a requirement.
    """
    python, version = usable_python()
    content = {"python": version, "requirements": [TORCH, *REQUIREMENTS], "releases": RELEASES}
    folder = cached("verl", content, lambda unfinished: _build(unfinished, python))
    return Environment(folder / "venv" / "bin" / "python", folder / "releases")


def usable_python() -> tuple[str, str]:
    """A Python that verl's dependencies support, and its version: this one, else one on PATH."""
    seen = []
    for name in (sys.executable, "python3.12", "python3.11", "python3.10"):
        path = shutil.which(name)
        if path is None:
            continue
        probe = "import sys, ensurepip, venv; print('%d.%d.%d' % sys.version_info[:3])"
        answer = subprocess.run([path, "-c", probe], capture_output=True, text=True, check=False)
        version = answer.stdout.strip()
        if answer.returncode or not version:
            continue
        seen.append(version)
        if OLDEST_PYTHON <= tuple(int(part) for part in version.split("."))[:2] < FIRST_UNUSABLE_PYTHON:
            return path, version
    raise Unavailable(f"verl needs Python 3.10, 3.11 or 3.12; found {', '.join(seen) or 'none that runs'}")


def run_pip(python: str | Path, *arguments: str) -> None:
    """Run pip quietly. Raises Unavailable with pip's last error."""
    command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=_without_python_path())
    if answer.returncode:
        words = [line for line in answer.stderr.splitlines() if line.startswith("ERROR")] or [answer.stderr]
        raise Unavailable(f"pip {' '.join(arguments[:3])} …: {words[-1][:PIP_WORDS]}")


def download_wheel(python: str | Path, requirement: str, folder: Path) -> Path:
    """Download one wheel without its dependencies and unpack it into `folder`. Raises Unavailable."""
    packed = folder.with_name(f"{folder.name}.download")
    run_pip(python, "download", "--no-deps", "--only-binary=:all:", "--dest", str(packed), requirement)
    (wheel,) = packed.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    shutil.rmtree(packed)
    return folder


def _without_python_path() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}


def _build(folder: Path, python: str) -> None:
    say(f"making the environment of real verl in {folder.parent} (a few minutes, once)")
    subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True, env=_without_python_path())
    inside = (
        folder / "venv" / "bin" / "python"
    )  # by this name only: scripts in bin/ keep the path from before the rename
    run_pip(inside, "install", TORCH)
    run_pip(inside, "install", *REQUIREMENTS)
    for release in RELEASES:
        download_wheel(inside, f"verl=={release}", folder / "releases" / release)


def say(text: str) -> None:
    """A line for whoever waits, also under a test runner that captures output."""
    stream = sys.__stderr__ or sys.stderr
    stream.write(f"tests/real: {text}\n")
    stream.flush()


if __name__ == "__main__":
    made = real_environment()
    print(made.python, made.wheels)
