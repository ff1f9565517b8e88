"""What of `cluster.slurm` becomes a line of the job script, and what must not."""

from __future__ import annotations

from pathlib import Path

import pytest

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
