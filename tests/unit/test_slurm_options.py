"""What of `cluster.slurm` becomes a line of the job script, and what must not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolspec.backends.launch.slurm.executor import BundleExecutor, RefusedError
from toolspec.backends.launch.slurm.script import escaped
from toolspec.specs.loading import load
from toolspec.specs.problem import ProblemError

SPEC = Path(__file__).resolve().parents[2] / "examples" / "calculator" / "exp.yaml"


def refused(slurm: str) -> str:
    with pytest.raises(ProblemError) as error:
        load(SPEC, (f"cluster.slurm={slurm}",))
    return "; ".join(problem.message for problem in error.value.problems)


@pytest.mark.parametrize(
    ("slurm", "words"),
    [
        ('{partition: "gpu\\nrm -rf /"}', "a line break stands in it"),
        ('{extra: {reservation: "a\\nb"}}', "a line break stands in it"),
        ('{extra: {"nice\\nrm": 1}}', "is no option of sbatch"),
        ("{extra: {--exclusive: true}}", "without dashes"),
        ("{extra: {partition: gpu}}", "a field of its own, cluster.slurm.partition"),
        ("{extra: {nodes: 2}}", "a field of its own, cluster.nodes"),
        ("{extra: {comment: mine}}", "`comment` is set for the job"),
        ("{extra: {array: 0-3}}", "`array` is set for the job"),
        ("{extra: {wait: true}}", "`wait` is set for the job"),
    ],
)
def test_options_that_the_job_cannot_have(slurm: str, words: str) -> None:
    assert words in refused(slurm)


def test_other_options_are_sbatchs_own() -> None:
    extra = "{nice: 5, gres-flags: enforce-binding, hold: true, gpus-per-node: 'a100:8'}"
    slurm = load(SPEC, (f"cluster.slurm={{extra: {extra}}}",)).spec.cluster.slurm
    assert slurm is not None
    assert list(slurm.extra) == ["nice", "gres-flags", "hold", "gpus-per-node"]


def test_a_path_as_sbatch_reads_it() -> None:
    """With a backslash anywhere in it slurmd replaces nothing, and takes one of two away; sbatch's quotes do before."""
    assert escaped(Path("/a/50%j/0001-%a.out"), keep="%a") == "/a/50%%j/0001-%a.out"
    assert escaped(Path("/a/b\\c%j/0001.out")) == "/a/b\\\\\\\\c%j/0001.out"


def test_sbatch_is_told_by_the_script_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variables win over what the script says; those of a job around it would be the new job's own."""
    for name in ("srun", "sbatch"):
        (tmp_path / name).write_text(f"#!/bin/sh\nenv >{tmp_path}/told\necho Submitted batch job 7\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "0001.sh").touch()
    for name in [each for each in os.environ if each.startswith(("SLURM", "SBATCH"))]:
        monkeypatch.delenv(name)
    others = ("PARTITION", "TIMELIMIT", "COMMENT", "NO_REQUEUE", "MEM_PER_CPU", "GPUS", "ARRAY_INX", "WAIT")
    for name in (
        *(f"SBATCH_{each}" for each in others),
        "SLURM_JOB_ID",
        "SLURM_CPU_BIND",
        "SRUN_CPUS_PER_TASK",
    ):
        monkeypatch.setenv(name, "1")
    kept = {"SBATCH_RESERVATION": "maintenance", "SBATCH_EXPORT": "ALL", "SLURM_CONF": "/etc/slurm.conf"}
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    options: dict[str, str | int | bool] = {
        "nodes": 1,
        "partition": "gpu",
        "time": 9,
        "requeue": True,
        "mem": 0,
        "gpus-per-node": 8,
    }
    assert BundleExecutor(tmp_path / "0001.sh", options).submit_script() == "7"
    told = dict(line.partition("=")[::2] for line in (tmp_path / "told").read_text().splitlines())
    assert {name: told[name] for name in told if name.startswith(("SLURM", "SBATCH", "SRUN"))} == kept


@pytest.mark.parametrize(
    ("said", "silent"),
    [
        ("Batch job submission failed: Socket timed out on send/recv operation", True),
        ("Batch job submission failed: Zero Bytes were transmitted or received", True),
        ("Batch job submission failed: Transport endpoint is not connected", True),
        ("Batch job submission failed: Invalid authentication credential", False),
        ("Batch job submission failed: Unable to contact slurm controller (connect failure)", False),
        ("invalid partition specified: nope", False),
    ],
)
def test_a_lost_answer_is_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, silent: bool
) -> None:
    """A busy slurmctld takes the job though sbatch gave up: its run must stay, and be looked for."""
    for name in ("srun", "sbatch"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho 'sbatch: error: {said}' >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(RefusedError) as error:
        BundleExecutor(tmp_path / "0001.sh", {"nodes": 1}).submit_script()
    assert (str(error.value), error.value.silent) == (said, silent)
