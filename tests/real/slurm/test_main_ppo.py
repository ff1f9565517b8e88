"""Real verl, not the stand-in, in a submitted job: `main_ppo` of each release on the job's own Ray, to the first GPU.

The Ray has GPUs that are none. So all up to the workers is verl's own: the config composed and printed in the task
runner, the tokenizer and the rows read, the resource pools checked against Ray; then a worker wants CUDA.
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
# What a CPU's torch says where a worker makes its process group, or looks for CUDA.
NO_GPU = ("cpu:gloo,cpu:nccl", "NCCL built in", "CUDA")


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
            # TransferQueue of V1 waits for ever where its 8 storage units and its controller have no core each.
            slurm = {"restarts": 0, "memory": "8GB", "cpus": 16}
            spec = site.spec([node], target=f"verl=={release}", model="./model", slurm=slurm)
            runs[release] = site.submit(spec, env=env)
        yield runs
    site.close()


@pytest.mark.parametrize("release", RELEASES)
def test_real_main_ppo_comes_as_far_as_the_gpu(begun: dict[str, Run], release: str) -> None:
    run = begun[release]
    (ended,) = run.ended(seconds=400)
    log = run.log()
    for words in (
        "set in the environment variable RAY_ADDRESS",
        "Connected to Ray cluster",
        "[validate_config] All configuration checks passed successfully!",
        "dataset len: 512",
    ):
        assert words in log, log[-3000:]
    # The resource pools were made, or there would be no worker; verl says so where Ray has too few GPUs.
    assert "WorkerDict pid=" in log and "is less than total desired GPUs" not in log
    assert (ended["code"], ended["next"]) == (1, "stop")
    assert ended["cause"]["kind"] == "error", ended["cause"]
    assert any(word in ended["cause"]["message"] for word in NO_GPU), ended["cause"]
    assert run.over("failed")["exit_code"] == 1
    # What verl itself printed as its resolved config, held against what was asked.
    audit = run.site.toolspec("audit", str(run.folder), "--format", "json").json
    found = [each for each in audit["findings"] if each["check"] == "config" and each["severity"] != "ok"]
    assert [each["message"] for each in found] == ["trainer.resume_mode was set when the job started"]
