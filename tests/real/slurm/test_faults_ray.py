"""Ray, real in all but two: its parts killed, strangers, ports, nodes that lack. docs/faults.md has a row for each."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from real.slurm.site import Site
from real.slurm.together import fault

pytestmark = pytest.mark.real

RAY = {"ray": True, "step_seconds": 0.5}
STRANGER = """
import os, sys
import ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False)
except BaseException as error:
    print("refused", type(error).__name__, flush=True)
    sys.exit(3)
print("joined", ray.cluster_resources(), flush=True)
"""


def address_of(run_folder: object) -> str:
    """The address of the newest head of a run, which anybody who can read the folder knows."""
    from pathlib import Path

    (file,) = Path(str(run_folder)).glob("attempts/*/head.json")
    return str(json.loads(file.read_text("utf-8"))["address"])


@fault(rays=1)
def test_two_nodes_and_a_stranger_with_the_address(site: Site) -> None:
    with site.nodes(2) as nodes:
        spec = site.spec(nodes, budget={"steps": 60}, cluster={"gpus": 8})
        run = site.submit(spec, env=site.environment(RAY))
        run.step(2, seconds=180)
        address = address_of(run.folder)
        stranger = site.environment(RAY)
        assert "RAY_AUTH_TOKEN" not in stranger
        for home in ("none", "other"):
            folder = site.folder / f"stranger-{home}"
            (folder / ".ray").mkdir(parents=True)
            more = {"HOME": str(folder)}
            if home == "other":
                (folder / ".ray" / "auth_token").write_text("f" * 64)
                more["RAY_AUTH_MODE"] = "token"
            told = subprocess.run(
                [str(site.jobs.python), "-c", STRANGER, address],
                env={**stranger, **more},
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
            assert told.returncode != 0 and "joined" not in told.stdout, told.stdout
            assert "refused" in told.stdout or "oken" in told.stderr, told.stderr
        files = [
            file.read_bytes() for file in run.folder.rglob("*") if file.is_file() and file.suffix != ".pt"
        ]
        said = run.over("done", seconds=180)
        assert said["step"] == 60 and said["restarts"] == 0
        assert run.steps() == list(range(1, 61)), "the run did not notice"
        (cluster,) = run.events("cluster")
        assert cluster["nodes"] == 2
        assert "Ray has 2 of 2 nodes, 16 of 16 GPUs" in run.log()
        assert not any(b"RAY_AUTH_TOKEN=" in each for each in files), "the token is in no file"


@fault(rays=1)
def test_a_leftover_auth_token(site: Site) -> None:
    (site.home / ".ray").mkdir()
    (site.home / ".ray" / "auth_token").write_text("0" * 64)
    with site.nodes(2) as nodes:
        run = site.submit(site.spec(nodes), env=site.environment(RAY))
        said = run.over("done", seconds=180)
        assert said["restarts"] == 0 and run.steps() == [1, 2, 3, 4, 5, 6]
        assert (site.home / ".ray" / "auth_token").read_text() == "0" * 64


@fault(rays=1)
def test_plain_ray_without_extras(site: Site) -> None:
    probe = "import importlib.util as u, sys; sys.exit(bool(u.find_spec('grpc') or u.find_spec('aiohttp')))"
    assert subprocess.run([str(site.jobs.python), "-c", probe], check=False, timeout=60).returncode == 0
    with site.nodes(1) as nodes:
        run = site.submit(site.spec(nodes), env=site.environment(RAY))
        said = run.over("done", seconds=180)
        assert said["exit_code"] == 0 and run.events("cluster")[0]["seconds"] < 120


@fault(rays=1)
def test_rays_head_is_killed(site: Site) -> None:
    with site.nodes(1) as nodes:
        plan = {**RAY, "fault": {"kind": "kill_gcs", "at": 4, "times": 1}}
        run = site.submit(site.spec(nodes), env=site.environment(plan))
        (first,) = run.ended(seconds=240)[:1]
        assert first["cause"]["kind"] in ("nodes", "ray"), first["cause"]
        assert first["next"] == "requeue" and first["code"] != 0
        said = run.over("done", seconds=240)
        assert [each["resumed_from"] for each in said["attempts"]] == [0, 2]


@fault(rays=1)
def test_a_workers_raylet_is_killed(site: Site) -> None:
    with site.nodes(2) as nodes:
        plan = {**RAY, "fault": {"kind": "kill_raylet", "at": 4, "times": 1, "node": 1}}
        run = site.submit(site.spec(nodes), env=site.environment(plan))
        (first,) = run.ended(seconds=240)[:1]
        assert first["cause"]["kind"] == "nodes", first["cause"]
        assert first["next"] == "requeue"
        said = run.over("done", seconds=240)
        assert [each["resumed_from"] for each in said["attempts"]] == [0, 2]


@fault(rays=1)
def test_the_task_runner_is_killed(site: Site) -> None:
    with site.nodes(1) as nodes:
        plan = {**RAY, "fault": {"kind": "kill_runner", "at": 4, "times": 1}}
        run = site.submit(site.spec(nodes), env=site.environment(plan))
        said = run.over("done", seconds=240)
        first = run.events("ended")[0]
        assert first["cause"]["kind"] == "nodes" and "ActorDiedError" in first["cause"]["message"]
        assert [each["resumed_from"] for each in said["attempts"]] == [0, 2]


@fault(rays=2)
def test_two_jobs_on_one_node_at_once(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, budget={"steps": 30}, cluster={"gpus": 4})
        slow = site.submit(spec, env=site.environment(RAY))
        quick = site.submit(
            spec, "--set", "budget.steps=4", env=site.environment({**RAY, "step_seconds": 0.1})
        )
        slow.step(1, seconds=180)
        assert quick.over("done", seconds=180)["step"] == 4
        assert slow.over("done", seconds=180)["step"] == 30
        assert slow.steps() == list(range(1, 31))
        gpus = [run.log().partition("node 0: ")[2].splitlines()[0].split()[-1] for run in (slow, quick)]
        assert sorted(",".join(gpus).split(",")) == list("01234567"), gpus


@fault()
def test_a_head_that_dies_before_it_answers(site: Site) -> None:
    with site.nodes(1) as nodes:
        env = site.environment({}, PAPER_RAY='{"exit": 41}')
        run = site.submit(site.spec(nodes), env=env)
        (first, second) = run.ended(2)[:2]
        assert (first["cause"]["kind"], first["next"]) == ("ray", "requeue")
        assert "Ray's head ended: ray of paper: told to end with 41" in first["cause"]["message"]
        assert second["why"] == "the same error twice in a row"
        assert run.over("failed")["exit_code"] == 69
        assert run.slurm() == ["REQUEUED", "FAILED 69:0"]
        assert run.events("started") == []


@fault()
def test_a_port_of_its_block_is_taken(site: Site) -> None:
    """Every second port of all that it might take first is listened at; it goes on to a block that is free."""
    listen = (
        "import socket, time\n"
        "held = [socket.create_server(('', port)) for port in range(20000, 29000, 60)]\n"
        "time.sleep(1000)\n"
    )
    with site.nodes(1) as nodes:
        taker = site.lab.sbatch(
            f'exec {sys.executable} -c "{listen}"', f"--nodelist={nodes[0]}", "--cpus-per-task=1", "--mem=100"
        )
        site.lab.wait(taker, "RUNNING")
        run = site.submit(site.spec(nodes))
        said = run.over("done")
        assert int(address_of(run.folder).rpartition(":")[2]) > 28900
        assert said["restarts"] == 0
        site.lab.ask("scancel", taker)
        site.lab.wait(taker, "CANCELLED")


@fault()
def test_a_node_that_never_joins(site: Site) -> None:
    with site.nodes(2) as nodes:
        env = site.environment({}, PAPER_RAY='{"deaf": 1}', TOOLSPEC_SETTINGS='{"wait_seconds": 8}')
        run = site.submit(site.spec(nodes, slurm={"restarts": 0}), env=env)
        said = run.over("failed")
        assert said["exit_code"] == 69 and said["cause"]["kind"] == "nodes"
        assert "after 8 s Ray has 1 of 2 nodes and 1 of 2 GPUs" in said["why"]
        assert f"{nodes[1]} (rank 1) has not joined" in said["why"]
        (began, ended) = (run.events(kind)[0]["time"] for kind in ("began", "ended"))
        assert ended - began < 60


@fault()
def test_gpus_that_are_missing(site: Site) -> None:
    with site.nodes(2) as nodes:
        env = site.environment({}, PAPER_RAY='{"gpus": 3}', TOOLSPEC_SETTINGS='{"wait_seconds": 8}')
        spec = site.spec(nodes, cluster={"gpus": 4}, slurm={"restarts": 0})
        run = site.submit(spec, env=env)
        said = run.over("failed")
        assert "after 8 s Ray has 2 of 2 nodes and 6 of 8 GPUs" in said["why"]
        assert run.events("started") == []
