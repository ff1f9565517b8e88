"""The table of each release is what scripts/release_table.py makes of its wheel today, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from real.cache import cached
from real.environment import RELEASES, Environment, Unavailable, download_wheel
from real.skips import not_here
from toolspec.backends.verl.releases import FOLDER, TABLES

pytestmark = pytest.mark.real

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "release_table.py"


def unpacked(environment: Environment, version: str) -> Path:
    """The unpacked wheel of any release with a table, also of one that no spec is compiled for."""
    if version in RELEASES:
        return environment.wheel(version)
    try:
        return cached("wheel", {"verl": version}, partial(_fetch, environment, version))
    except Unavailable as reason:
        not_here(f"the wheel of verl {version} cannot be had: {reason}")


def _fetch(environment: Environment, version: str, folder: Path) -> None:
    download_wheel(environment.python, f"verl=={version}", folder)


@pytest.mark.parametrize("version", TABLES)
def test_the_script_makes_the_table(version: str, environment: Environment, tmp_path: Path) -> None:
    wheel = unpacked(environment, version)
    command = [sys.executable, SCRIPT, version, "--wheel", wheel, "--out", tmp_path]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    # Not compared as texts by the assertion: the difference of two such files takes minutes to explain.
    same = (tmp_path / f"{version}.json").read_bytes() == (FOLDER / f"{version}.json").read_bytes()
    assert same, f"run scripts/release_table.py {version} and review the difference"
