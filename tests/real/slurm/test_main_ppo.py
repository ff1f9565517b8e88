"""Real verl, not the stand-in, in a submitted job: `main_ppo` of each release on the job's own Ray, to the first GPU.

The Ray has GPUs that are none. So all up to the workers is verl's own: the config composed and printed in the task
runner, the tokenizer and the rows read, the resource pools checked against Ray; then a worker asks for CUDA.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from real.environment import RELEASES, Environment
from real.slurm.client import Lab
from real.slurm.site import Run, Site
from real.slurm.training import JobEnvironment
from real.tokenizer import model_folder

pytestmark = pytest.mark.real

# What each release says when the task runner has the config, and what of the config it prints.
RUNNER = {"0.7.1": "TaskRunner hostname:", "0.8.0": "TaskRunner hostname:", "0.9.1": "TaskRunnerV1"}


@pytest.fixture(scope="module")
def begun(
    lab: Lab, jobs: JobEnvironment, environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Run]]:
    """A run of each release, submitted together, one node each."""
    site = Site(Lab(lab.folder), jobs, tmp_path_factory.mktemp("main_ppo"))
    shutil.copytree(model_folder(environment), site.folder / "model")
    with site.nodes(len(RELEASES)) as nodes:
        runs = {}
        for node, release in zip(nodes, RELEASES, strict=True):
            env = site.environment(
                PATH=os.pathsep.join((str(environment.python.parent), os.environ["PATH"])),
                PYTHONPATH=str(environment.wheel(release)),
                HF_HUB_OFFLINE="1",
            )
            spec = site.spec(
                [node], target=f"verl=={release}", model="./model", slurm={"restarts": 0, "memory": "6GB"}
            )
            forced = ("--force", "TS501=no GPU", "--force", "TS949=nothing is saved")
            runs[release] = site.submit(spec, *forced[:0], env=env)
        yield runs
    site.close()


@pytest.mark.parametrize("release", RELEASES)
def test_real_main_ppo_comes_as_far_as_the_gpu(begun: dict[str, Run], release: str) -> None:
    run = begun[release]
    said = run.over("failed", seconds=300)
    log = run.log()
    print(log)
    print(said)
    assert False
