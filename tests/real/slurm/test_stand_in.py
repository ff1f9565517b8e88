"""The stand-in for training behaves as verl does, so that what is proven with it holds for verl."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from real.compiled import compile_example
from real.environment import RELEASES, Environment
from real.slurm.client import Lab
from real.slurm.training import JobEnvironment
from toolspec.backends.verl.runtime import ts_record

pytestmark = pytest.mark.real
RUN = Path(__file__).resolve().parents[2] / "data" / "run-calculator"
METRIC = re.compile(r" - ([\w/@-]+):((?:np\.\w+)?)")
NEWEST, OLDEST = RELEASES[-1], RELEASES[0]

Train = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def train(jobs: JobEnvironment, home: Path, tmp_path: Path) -> Train:
    """train(plan, *overrides): the launch.sh of the calculator's bundle, in one process without Ray."""

    def run(
        plan: Mapping[str, Any], *overrides: str, release: str = NEWEST, **more: str
    ) -> subprocess.CompletedProcess[str]:
        bundle = compile_example("calculator", release, home)
        variables = jobs.variables({"ray": False, "step_seconds": 0.01, **plan}, release)
        env = os.environ | variables | {"TOOLSPEC_RUN_DIR": str(tmp_path)} | more
        words = ["bash", str(bundle / "launch.sh"), *overrides]
        return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, env=env)

    return run


def files(folder: Path) -> set[str]:
    """Files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def checkpoint(step: int, model: str = "actor", world: int = 1) -> set[str]:
    """Files of one model's checkpoint."""
    parts = ("model", "optim", "extra_state")
    shards = {f"{part}_world_size_{world}_rank_{rank}.pt" for part in parts for rank in range(world)}
    rest = {"fsdp_config.json", "huggingface/config.json", "huggingface/tokenizer_config.json"}
    return {f"global_step_{step}/{model}/{name}" for name in shards | rest}


def steps(answer: subprocess.CompletedProcess[str]) -> list[int]:
    """Steps of the metric lines that were printed."""
    return [int(step) for step in re.findall(r"^step:(\d+)", answer.stdout, re.MULTILINE)]


def test_metrics_and_records_are_those_of_a_real_run(train: Train, tmp_path: Path) -> None:
    real = next(line for line in (RUN / "log.txt").read_text("utf-8").splitlines() if " step:1 - " in line)
    metrics = tmp_path / "metrics.jsonl"
    answer = train({"steps": 2}, "trainer.logger=[console,file]", VERL_FILE_LOGGER_PATH=str(metrics))
    assert answer.returncode == 0, answer.stderr[-2000:]
    (ours,) = [line for line in answer.stdout.splitlines() if line.startswith("step:1 - ")]
    known, shown = dict(METRIC.findall(real)), dict(METRIC.findall(ours))
    assert len(shown) > 30
    assert shown.items() <= known.items()
    logged = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [each["step"] for each in logged] == steps(answer) == [0, 1, 2]
    assert logged[1]["data"].keys() == shown.keys()
    (record, *_), ours_too = list(ts_record.records(RUN)), list(ts_record.records(tmp_path))
    assert len(ours_too) == 2 * 4  # validated before and after two steps
    assert all(each.keys() == record.keys() for each in ours_too)


@pytest.mark.parametrize("release", RELEASES)
def test_it_saves_rotates_and_resumes(train: Train, tmp_path: Path, release: str) -> None:
    keep = ["trainer.save_freq=2", "trainer.max_actor_ckpt_to_keep=1"]
    crash = {"steps": 6, "fault": {"kind": "exit", "at": 5, "code": 7, "times": 1}}
    assert train(crash, *keep, release=release).returncode == 7
    folder = tmp_path / "checkpoints"
    left = {"latest_checkpointed_iteration.txt", "global_step_2/data.pt", "global_step_4/data.pt"}
    assert files(folder) == left | checkpoint(4)
    assert (folder / "latest_checkpointed_iteration.txt").read_text() == "4"
    again = train(crash, *keep, release=release)
    assert again.returncode == 0, again.stderr[-2000:]
    assert steps(again) == [4, 5, 6]
    assert f"Resuming from {folder}/global_step_4" in again.stdout
    assert "'resume_mode': 'auto'" in again.stdout, "the resolved config is printed"
    assert files(folder) > checkpoint(4) | checkpoint(6), "a start forgets what earlier ones saved"


def test_a_critic_is_saved_and_a_validation_alone_trains_nothing(train: Train, tmp_path: Path) -> None:
    assert train({"steps": 1}, "algorithm.adv_estimator=gae", "trainer.save_freq=1").returncode == 0
    saved = checkpoint(1) | checkpoint(1, "critic")
    assert files(tmp_path / "checkpoints") == saved | {
        "latest_checkpointed_iteration.txt",
        "global_step_1/data.pt",
    }
    only = train({"steps": 9}, "trainer.val_only=True", "trainer.resume_mode=disable")
    assert (only.returncode, steps(only)) == (0, [0])


def test_only_the_older_trainer_saves_when_the_allocation_ends(train: Train, tmp_path: Path) -> None:
    soon = {"MLP_CURRENT_CAPACITY_BLOCK_EXPIRATION_TIMESTAMP": str(time.time() + 50)}
    for release, saved in ((NEWEST, {"global_step_3"}), (OLDEST, {"global_step_2", "global_step_3"})):
        answer = train(
            {"steps": 3}, "trainer.save_freq=100", "trainer.resume_mode=disable", release=release, **soon
        )
        assert answer.returncode == 0, answer.stderr[-2000:]
        assert {each.name for each in (tmp_path / "checkpoints").glob("global_*")} == saved
        assert ("ESI instance expiration approaching" in answer.stdout) == (release == OLDEST)


def test_faults_while_saving(train: Train, tmp_path: Path, environment: Environment) -> None:
    folder = tmp_path / "checkpoints"
    kinds = ("half_checkpoint", "enospc", "truncated")
    plan = {"steps": 4, "faults": [{"kind": kind, "at": at + 2, "times": 1} for at, kind in enumerate(kinds)]}
    half, full, short, after = (train(plan, "trainer.save_freq=1") for _ in range(4))
    assert [each.returncode for each in (half, full, short, after)] == [1, 1, 1, 1]
    assert (steps(half), steps(full)) == ([0, 1], [1, 2])
    assert "[Errno 28] No space left on device" in full.stderr
    # What the real torch says of these files.
    code = "import sys, torch\nfor file in sys.argv[1:]: print(torch.load(file, weights_only=False)['step'])"
    models = [folder / f"global_step_{step}" / "actor" / "model_world_size_1_rank_0.pt" for step in (2, 4)]
    torch = subprocess.run(
        [environment.python, "-c", code, *models], capture_output=True, text=True, timeout=120, check=False
    )
    assert torch.stdout.split() == ["2"]
    said = "PytorchStreamReader failed reading zip archive: failed finding central directory"
    assert said in torch.stderr and said in after.stderr


SCRIPT = """
set -eu
cd {run}
export TOOLSPEC_RUN_DIR={run} RAY_AUTH_MODE=disabled RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=0
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
if [ "$SLURM_PROCID" != 0 ]; then
  until ray start --address="$head:6399" --num-gpus=8 --num-cpus=4; do sleep 1; done >/dev/null 2>&1
  until [ -e ended ]; do sleep 0.2; done
  ray stop --force
  rm -r /var/tmp/ray
  touch left
  exit
fi
ray start --head --port=6399 --num-gpus=8 --num-cpus=4 --temp-dir=/var/tmp/ray
export RAY_ADDRESS="$head:6399"
python3 -c 'import ray, time
ray.init(log_to_driver=False)
while ray.cluster_resources().get("GPU") != 16: time.sleep(0.5)'
code=0
bash {bundle}/launch.sh trainer.nnodes=2 trainer.n_gpus_per_node=8 trainer.save_freq=2 || code=$?
touch ended
ray stop --force
rm -r /var/tmp/ray
until [ -e left ]; do sleep 0.2; done  # srun ends the other node when this one fails
exit $code
"""


def test_it_trains_on_all_gpus_of_two_nodes(
    lab: Lab, jobs: JobEnvironment, home: Path, tmp_path: Path
) -> None:
    if not lab.layout.namespaces:
        pytest.skip("two Ray nodes of one address need what ts_job.py does about ports")
    bundle = compile_example("calculator", NEWEST, home)
    script = tmp_path / "job.sh"
    script.write_text(SCRIPT.format(run=shlex.quote(str(tmp_path)), bundle=shlex.quote(str(bundle))))
    variables = jobs.variables({"steps": 3, "fault": {"kind": "cuda_oom", "at": 3, "node": 1}})
    with lab.lease(2) as nodes:
        log = tmp_path / "log.txt"
        options = [f"--nodelist={','.join(nodes)}", "--nodes=2", "--gres=gpu:8", f"--output={log}"]
        job = lab.sbatch(f"srun --kill-on-bad-exit=1 bash {script}", *options, **variables)
        assert lab.wait(job, "FAILED", "COMPLETED", seconds=120) == "FAILED"
        said = log.read_text()
        assert "torch.OutOfMemoryError: CUDA out of memory." in said, said[-3000:]
        assert re.findall(r"m step:(\d+) - ", said) == ["0", "1", "2"]
        assert all(f"node {node}: {name} 0,1,2,3,4,5,6,7" in said for node, name in enumerate(nodes))
        assert lab.leftovers(nodes) == []
    assert checkpoint(2, world=16) < files(tmp_path / "checkpoints")
