"""`toolspec submit` of a sweep, with scripts for Slurm's commands: its arrays, what is refused, what is extended."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import EXAMPLES
from toolspec.backends.launch.submit import write_run
from toolspec.backends.launch.sweep import Member, arrays
from toolspec.cli.app import run

COMMANDS = {
    "scontrol": (
        'case "$1 $3" in "ping "*) echo "Slurmctld(primary) at ctl is UP";; '
        '*partition) echo "PartitionName=gpu Default=YES MaxTime=UNLIMITED State=UP";; '
        '*) echo "MaxArraySize            = 2";; esac'
    ),
    "sinfo": 'echo "n1|gpu*|idle|64|256000|gpu:h100:8|(null)|"',
    "sacctmgr": "exit 1",
    "sacct": "exit 1",
    "squeue": "exit 0",
    "srun": "exit 1",
    "sbatch": 'test ! -e $(dirname $0)/refuse || { echo "sbatch: error: no" >&2; exit 1; }; '
    'cat "${@: -1}" >>$(dirname $0)/sent; echo "Submitted batch job 7"',
}
FORCE = ("--force", "TS947=a stand-in for verl")


class Site:
    def __init__(self, folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.capsys, self.monkeypatch = folder, capsys, monkeypatch
        self.runs = folder / "runs"

    def submit(self, sweep: str, *words: str) -> tuple[int, str]:
        """Exit code, and all that was said."""
        text = (EXAMPLES / "calculator" / "exp.yaml").read_text("utf-8")
        text = text.replace("cluster: {gpus: 1}", "cluster: {gpus: 1, slurm: {time: 1h}}")
        Path("exp.yaml").write_text(f"{text}sweep: {sweep}\n", "utf-8")
        argv = ["toolspec", "submit", "exp.yaml", "--slurm", *FORCE, *words]
        self.monkeypatch.setattr(sys, "argv", argv)
        code = run()
        said = self.capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    def sent(self) -> list[str]:
        """The `--array` of each script that sbatch got."""
        file = self.folder / "bin" / "sent"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.partition("--array=")[2].strip("'") for line in lines if "--array=" in line]

    def points(self) -> set[str]:
        return {each.name for each in self.runs.glob("calculator-*")}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Site:
    for name in ("tools.py", "train.jsonl", "val.jsonl"):
        shutil.copy(EXAMPLES / "calculator" / name, tmp_path)
    (tmp_path / "bin").mkdir()
    for name, text in COMMANDS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("TOOLSPEC_RUNS", str(tmp_path / "runs"))
    return Site(tmp_path, capsys, monkeypatch)


def test_more_points_than_an_array_may_have(site: Site) -> None:
    """MaxArraySize is 1001 where nobody has raised it; sbatch says no more than `Invalid job array specification`."""
    code, said = site.submit("{algorithm.lr: [1e-6, 2e-6, 3e-6], parallel: 3}")
    assert (code, site.sent()) == (0, ["0-1%2", "0-0%1"]), said
    assert "3 points, arrays 7, 7" in said


def test_a_refused_sweep_leaves_nothing(site: Site) -> None:
    (site.folder / "bin" / "refuse").touch()
    code, said = site.submit("{algorithm.lr: [1e-6, 2e-6]}")
    assert code == 1 and "TS941" in said
    code, said = site.submit("{cluster.slurm.partition: [gqu]}")
    assert code == 1 and ("exp.yaml:20:35: error[TS932] partition" in said), said
    assert not site.points() and not list((site.runs / "sweeps").iterdir())


def test_a_sweep_that_is_stopped_while_a_point_is_written(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C: `nothing was left half written`."""
    written = []

    def stopped(*told: Any) -> None:
        write_run(*told)
        written.append(told)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("toolspec.backends.launch.sweep.write_run", stopped)
    code, said = site.submit("{algorithm.lr: [1e-6, 2e-6, 3e-6]}")
    assert (code, site.points(), site.sent()) == (130, set(), []), said


def test_what_extends_a_sweep(site: Site) -> None:
    """No point that has run is repeated under another name, and none of another spec is passed off as the same."""
    code, said = site.submit("{cluster.slurm.exclude: [n8]}")
    assert code == 0, said
    (sweep,) = (each.name for each in (site.runs / "sweeps").iterdir())
    first = site.points()
    code, said = site.submit("{algorithm.lr: [2e-6]}", "--extend", f"{sweep[:-1]}x")
    assert code == 1 and f"fix: --extend {sweep}" in said
    code, said = site.submit("{cluster.slurm.exclude: [n9, n8]}", "--extend", sweep)
    assert (code, site.points()) == (0, first), said  # n9 comes to the same run as n8
    code, said = site.submit("{algorithm.lr: [2e-6]}", "--extend", sweep, "--set", "name=other")
    assert code == 1 and "is of the spec `calculator`, and this one is named `other`" in said
    (site.folder / "bin" / "refuse").touch()
    code, said = site.submit(
        "{cluster.slurm.exclude: [n8, n9]}", "--extend", sweep, "--set", "algorithm.lr=2e-6"
    )
    assert code == 1 and f"1 of the 1 points that {sweep} has were sent of another spec" in said
    told = json.loads((site.runs / "sweeps" / sweep / "sweep.json").read_text())
    assert {each["run"] for each in told["points"]} == site.points() == first


def test_points_that_are_sent_again_keep_the_cap(site: Site) -> None:
    code, said = site.submit("{algorithm.lr: [1e-6, 2e-6], parallel: 1}")
    assert code == 0, said
    (sweep,) = (each.name for each in (site.runs / "sweeps").iterdir())
    for file in site.runs.glob("*/submissions/*.json"):  # as if it had never been
        file.unlink()
    site.monkeypatch.setattr(sys, "argv", ["toolspec", "resubmit", "--sweep", sweep, *FORCE])
    assert run() == 0, site.capsys.readouterr()
    assert site.sent() == ["0-1%1", "0-1%1"]


def test_no_script_names_a_folder_with_a_line_break(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLSPEC_RUNS", str(site.folder / "a\nb"))
    code, said = site.submit("{algorithm.lr: [1e-6, 2e-6]}")
    assert code == 1 and "TS930" in said and not (site.folder / "a\nb").exists()


@pytest.mark.parametrize(
    ("sizes", "parallel", "largest", "wanted"),
    [
        ((6,), None, None, [(6, 6)]),
        ((6,), 2, None, [(6, 2)]),
        ((6,), 9, None, [(6, 6)]),
        ((5,), 4, 2, [(2, 2), (2, 1), (1, 1)]),
        ((3, 3), 4, None, [(3, 2), (3, 2)]),
        ((8, 1), 4, None, [(8, 3), (1, 1)]),
        ((3, 3, 3), 2, None, [(3, 1), (3, 1), (3, 1)]),
    ],
)
def test_the_cap_is_shared_out(
    sizes: tuple[int, ...], parallel: int | None, largest: int | None, wanted: list[tuple[int, int]]
) -> None:
    """`parallel` is of the sweep; an array of Slurm's has at least one task at a time."""
    groups = {
        str(number): [Member(str(each), Path(), {}) for each in range(size)]
        for number, size in enumerate(sizes)
    }
    assert [(len(each.members), each.at_once) for each in arrays(groups, parallel, largest)] == wanted
