"""How a run may end by itself, and what is said of it. docs/faults.md has a row for each test."""

from __future__ import annotations

import json
import subprocess

import pytest

from real.slurm.site import Run, Site
from real.slurm.together import fault
from toolspec.backends.launch.process import with_variable

pytestmark = pytest.mark.real

CODE_ERROR = {"kind": "exception", "at": 1}


@fault()
def test_the_driver_ends_with_0_1_7_or_137(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, budget={"steps": 4}, slurm={"restarts": 0})
        faults = {
            0: [],
            1: [{"kind": "exit", "at": 3, "code": 1}],
            7: [{"kind": "exit", "at": 3, "code": 7}],
            137: [{"kind": "kill", "at": 3}],
        }
        runs = {
            code: site.submit(spec, env=site.environment({"faults": each})) for code, each in faults.items()
        }
        for code, run in runs.items():
            said = run.over("failed" if code else "done")
            assert said["exit_code"] == code
            # sacct takes 128 off what is above it (22.05); the job's own word has all of it.
            assert run.slurm() == [f"FAILED {code % 128}:0" if code else "COMPLETED 0:0"]
            assert run.steps() == ([1, 2] if code else [1, 2, 3, 4])
        assert runs[137].status()["cause"]["kind"] == "killed"
        assert "signal 9" in runs[137].status()["why"]


@fault()
def test_the_same_exception_twice_in_a_row(site: Site) -> None:
    with site.nodes(1) as nodes:
        run = site.submit(site.spec(nodes), env=site.environment({"fault": {"kind": "exception", "at": 5}}))
        (first,) = run.ended()[:1]
        kept = run.keep()
        assert (first["next"], first["cause"]["step"]) == ("requeue", 4)
        said = run.over("failed")
        last = run.events("ended")[-1]
        assert (last["next"], last["why"]) == ("stop", "the same error twice in a row")
        assert [each["resumed_from"] for each in said["attempts"]] == [0, 4]
        assert "shape mismatch" in said["why"] and "twice in a row" in said["why"]
        assert run.slurm() == ["REQUEUED", "FAILED 1:0"]
        assert run.lost(kept) == []
        assert run.checkpoints() == [2, 4]


@fault(rays=1)
def test_out_of_gpu_memory_is_told_apart_from_a_code_error(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes)
        memory = {"ray": True, "fault": {"kind": "cuda_oom", "at": 1}}
        full = site.submit(spec, env=site.environment(memory))
        wrong = site.submit(spec, env=site.environment({"fault": CODE_ERROR}))
        said = full.over("failed")
        assert said["cause"]["kind"] == "gpu-memory"
        assert "CUDA out of memory" in said["why"] and "update_actor" in said["why"]
        assert "train.offload: true" in said["fix"]
        told = wrong.over("failed")
        assert told["cause"]["kind"] == "error"
        assert "ValueError: shape mismatch" in told["why"] and "offload" not in told["fix"]
        for run in (full, wrong):
            assert run.slurm() == ["FAILED 1:0"], "an error before the first checkpoint would come again"


@fault(rays=1)
def test_host_memory_beyond_the_limit_of_the_job(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, slurm={"memory": "2GB", "restarts": 0})
        plan = {"ray": True, "fault": {"kind": "host_oom", "at": 3, "bytes": 4 << 30}}
        run = site.submit(spec, env=site.environment(plan))
        said = run.over("failed")
        assert said["cause"]["kind"] == "host-memory", (said["cause"], run.log()[-3000:])
        assert "memory" in said["why"]
        assert "cluster.slurm.memory" in said["fix"]
        assert run.checkpoints() == [2]


@fault()
def test_a_setup_line_fails_on_the_node(site: Site) -> None:
    with site.nodes(1) as nodes:
        setup = ['[ -z "${SLURM_JOB_ID:-}" ] || (echo no such module here >&2; exit 5)']
        run = site.submit(site.spec(nodes, slurm={"setup": setup}))
        said = run.over("failed")
        assert said["exit_code"] == 5
        assert "before verl began" in said["why"]
        assert "no such module here" in run.log()
        assert run.slurm() == ["FAILED 5:0"]


@fault()
def test_a_secret_is_missing_on_the_node(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, env=["LAB_TOKEN"])
        unset = site.refused(spec)
        assert "TS943" in unset and "LAB_TOKEN is not set here" in unset
        env = site.environment(LAB_TOKEN="t0p-s3cret", SBATCH_EXPORT="PATH,HOME,PYTHONPATH,STAND_IN")
        assert "SBATCH_EXPORT" in site.refused(spec, env=env)
        run = site.submit(spec, "--force", "TS943=to see it fail", env=env)
        said = run.over("failed")
        assert "LAB_TOKEN" in run.log()
        assert said["exit_code"] == 1
        everything = [file.read_bytes() for file in run.folder.rglob("*") if file.is_file()]
        assert not any(b"t0p-s3cret" in each for each in everything)


@fault()
def test_smoke_that_fails_and_that_passes(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes)
        failing = site.submit(spec, "--smoke", env=site.environment({"fault": CODE_ERROR}))
        passing = site.submit(spec, "--smoke")
        said = failing.over("failed")
        assert said["why"].startswith("--smoke: ")
        assert failing.events("started") == [] and failing.checkpoints() == []
        assert passing.over("done")["step"] == 6
        log = (passing.folder / "logs" / "0001.0.smoke.log").read_text("utf-8")
        assert "step:2 - " in log and "step:3 - " not in log
        assert passing.checkpoints() == [2, 4, 6]


@fault()
def test_validate_only_trains_nothing(site: Site) -> None:
    with site.nodes(1) as nodes:
        run = site.submit(site.spec(nodes), "--validate-only")
        run.over("done")
        assert run.steps() == [] and run.checkpoints() == []
        splits = {
            json.loads(line)["split"]
            for file in (run.folder / "trajectories").glob("*.jsonl")
            for line in file.read_text("utf-8").splitlines()
        }
        assert splits == {"val"}


@fault()
def test_a_run_on_this_machine_is_cancelled(site: Site) -> None:
    plan = {"pretend_gpus": False, "step_seconds": 0.3}
    spec = site.spec([], budget={"steps": 500})
    told = site.toolspec(
        "submit",
        str(spec),
        "--local",
        *("--force", "TS947=the stand-in"),
        "--format",
        "json",
        env=site.environment(plan),
    )
    assert told.code == 0, told.errors()
    run = Run(site, site.runs / told.json["run"])
    run.step(3)
    assert run.status()["state"] == "running"
    cancelled = site.toolspec("cancel", run.id)
    assert cancelled.code == 0, cancelled.err
    assert run.status()["state"] == "cancelled"
    assert list(with_variable("TOOLSPEC_NONCE", run.submission()["nonce"])) == []
    assert site.toolspec("cancel", run.id).code == 0, "twice is once"
    assert run.events("cancelled")[0]["submission"] == 1 and len(run.events("cancelled")) == 1
    run.tidy()


@fault()
def test_a_bundle_by_plain_sbatch(site: Site) -> None:
    """`sbatch job.sbatch` in the bundle's folder: Slurm and bash alone, in a folder with a space."""
    with site.nodes(1) as nodes:
        bundle = site.folder / "build" / "a bundle"
        spec = site.spec(nodes, budget={"steps": 4})
        assert site.toolspec("compile", str(spec), "--out", str(bundle)).code == 0
        env = site.environment({"fault": {"kind": "exit", "at": 3, "code": 7}})
        env.pop("TOOLSPEC_RUNS")
        words = ["sbatch", "--parsable", "--output=job.out", "job.sbatch"]
        job = subprocess.run(
            words, cwd=bundle, env=env, capture_output=True, text=True, check=True
        ).stdout.strip()
        assert site.lab.wait(job, "FAILED", "COMPLETED", seconds=60) == "FAILED"
        asked = ("sacct", "-nPXD", "-j", job, "-o", "State,ExitCode")  # which lags behind
        rows = ["REQUEUED|0:0", "FAILED|7:0"]
        site.until(lambda: site.lab.ask(*asked).splitlines() == rows, f"the rows of job {job}")
        folder = site.folder / "runs" / f"fault-{job}"
        files = sorted((folder / "events").glob("*-ended-*.json"))
        ends = [json.loads(file.read_text("utf-8")) for file in files]
        assert [(end["code"], end["job"], end["next"]) for end in ends] == [
            (7, job, "requeue"),
            (7, job, "stop"),
        ]
        assert ends[-1]["cause"]["step"] == 2
