"""Debian's packages are installed without a daemon being started, and the machine is left as it was but for them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from real.slurm import packages
from toolspec.backends.verl.compile import compile_spec, write

ROOT = Path(__file__).resolve().parents[3]

APT = """#!/bin/sh
echo "$* $(sh {policy}; echo $?)" >>{log}
case "$*" in *{fails}*) echo "E: Unable to locate package" >&2; exit 100 ;; esac
"""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", policy)
    return policy


def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Path, fails: str) -> Path:
    """An apt-get that notes its words and what the policy says meanwhile."""
    log = tmp_path / "log"
    script = tmp_path / "apt-get"
    script.write_text(APT.format(policy=policy, log=log, fails=fails))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return log


def test_no_daemon_starts_while_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Path
) -> None:
    log = apt(tmp_path, monkeypatch, policy, "nothing")
    assert packages.install() == ""
    updated, installed = log.read_text().splitlines()
    assert updated.endswith("update 101") and installed.endswith(" 101")
    assert set(packages.PACKAGES) < set(installed.split())
    assert not policy.exists()


def test_a_policy_of_the_machine_is_kept_and_an_error_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Path
) -> None:
    policy.write_text("exit 3\n")
    log = apt(tmp_path, monkeypatch, policy, "install")
    assert packages.install() == "apt-get install: E: Unable to locate package"
    assert log.read_text().splitlines()[0].endswith("update 3")
    assert policy.read_text() == "exit 3\n"


def test_nothing_is_installed_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("TOOLSPEC_LAB", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(packages, "COMMANDS", {"no-such-daemon": "slurmd"})
    monkeypatch.setattr(packages, "install", lambda: pytest.fail("installed"))
    assert "needs no-such-daemon (TOOLSPEC_LAB=1 " in packages.why_not_here()
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert packages.why_not_here() == "the Slurm lab needs root"


EXAMPLES = sorted((ROOT / "examples").glob("*/exp.yaml"))
WIDE = (
    "cluster.slurm={setup: [source x], modules: [cuda/12, 'a b'], time: 1h, container: {image: 'i j.sqsh'}}"
)


@pytest.mark.usefixtures("daemons_here")
def test_the_labs_script_passes_shellcheck() -> None:
    assert shellcheck(Path(__file__).with_name("namespaces.sh")) == ""


@pytest.mark.usefixtures("daemons_here")
@pytest.mark.parametrize("sets", [(), (WIDE,)])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_a_bundles_scripts_pass_shellcheck(
    tmp_path: Path, example: Path, sets: tuple[str, ...], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    compiled = compile_spec(example, sets, "0.9.1", tmp_path / "bundle")
    write(compiled)
    for name in ("batch.sh", "job.sbatch", "launch.sh"):
        assert shellcheck(tmp_path / "bundle" / name) == ""


def shellcheck(script: Path) -> str:
    """What it finds in a script."""
    words = ["shellcheck", "--external-sources", "--exclude=SC1090,SC1091", str(script)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False).stdout
