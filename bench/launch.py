"""On a real Slurm (tests/real/slurm): how long a submit takes, and from a job's start to verl's start on two nodes.

    python bench/launch.py [--rounds N] [--reference ray_job.py] [--points N]

--reference: another job that brings up Ray over the same nodes and then runs a command, by a class RayJob; the two
alternate. --points: a sweep of so many, linted, compiled and submitted as one array. Needs root and Slurm's daemons;
verl is the stand-in of the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from real.slurm.lab import lab  # noqa: E402
from real.slurm.training import job_environment  # noqa: E402

FORCE = ("--force", "TS947=the stand-in of the tests")
CLUSTER = "cluster={nodes: 2, gpus: 8, slurm: {partition: gpu, time: 20m, cpus: 32}}"
GRID = "reward.valid_call: [{0}], reward.extra_call: [{1}], algorithm.lr: [{2}]"


def toolspec(words: list[str], environment: Mapping[str, str]) -> str:
    command = [sys.executable, "-m", "toolspec", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    return done.stdout


def submitted(environment: Mapping[str, str]) -> tuple[float, Path, str]:
    """Seconds of the submit, the run's folder, Slurm's job."""
    began = time.monotonic()
    words = [
        "submit",
        "examples/calculator/exp.yaml",
        "--slurm",
        "--format",
        "json",
        *FORCE,
        "--set",
        CLUSTER,
    ]
    told = json.loads(toolspec(words, environment))
    return time.monotonic() - began, Path(told["folder"]), told["job"]


def begun(job: str) -> float:
    """When a job began, by Slurm's clock."""
    command = ["scontrol", "show", "job", "-o", job]
    environment = {**os.environ, "SLURM_TIME_FORMAT": "%s"}
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return float(text.split(" StartTime=")[1].split()[0])


def over(job: str) -> bool:
    command = ["squeue", "-h", "-t", "all", "-o", "%T", "-j", job]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return not state or state[0] in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")


def wait_for(job: str, seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not over(job):
        if time.monotonic() > end:
            raise SystemExit(f"job {job} took longer than {seconds:g} s")
        time.sleep(0.5)


def own_start(environment: Mapping[str, str]) -> tuple[float, float]:
    """Seconds of the submit, and from the job's start to verl's."""
    seconds, run, job = submitted(environment)
    wait_for(job)
    (event,) = (run / "events").glob("*-started-*.json")
    return seconds, json.loads(event.read_text())["time"] - begun(job)


def reference_start(script: Path, folder: Path, environment: Mapping[str, str]) -> float:
    """The reference is RayJob(command, run_dir, gpus, cpus), which is called; all nodes get one nonce and token."""
    place = Path(tempfile.mkdtemp(dir=folder))
    (place / "start.py").write_text(
        f"""import sys
sys.path.insert(0, {str(script.parent)!r})
from {script.stem} import RayJob
write = "import time; open({str(place / "at")!r}, 'w').write(str(time.time()))"
job = RayJob([sys.executable, "-c", write], {str(place)!r}, 8, 32)
job.nonce, job.token = "bench", "{place.name}" * 8
job()
"""
    )
    command = f"srun --ntasks=2 --ntasks-per-node=1 python3 {place}/start.py"
    options = ["-p", "gpu", "-N", "2", "--gpus-per-node=8", "-c", "32", "-t", "20", "-o", f"{place}/out"]
    words = ["sbatch", "--parsable", *options, "--wrap", command]
    job = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    wait_for(job)
    return float((place / "at").read_text()) - begun(job)


def sweep(points: int, environment: Mapping[str, str]) -> float:
    side = round(points ** (1 / 3))
    axes = [
        ", ".join(f"{start + step * number:.6g}" for number in range(side))
        for start, step in ((0.1, 0.01), (-0.1, -0.01), (1e-6, 1e-7))
    ]
    spec = "sweep={" + GRID.format(*axes) + "}"
    held = "cluster={gpus: 1, slurm: {partition: gpu, time: 20m, extra: {hold: true}}}"
    words = [
        "submit",
        "examples/calculator/exp.yaml",
        "--slurm",
        "--format",
        "json",
        *FORCE,
        "--set",
        held,
        "--set",
        spec,
    ]
    began = time.monotonic()
    told = json.loads(toolspec(words, environment))
    seconds = time.monotonic() - began
    subprocess.run(["scancel", *told["arrays"]], check=False)
    print(f"{len(told['runs'])} points, {len(told['arrays'])} array: {seconds:.1f} s")
    return seconds


def shown(name: str, seconds: list[float]) -> None:
    print(f"{name}: {min(seconds):.2f}/{statistics.median(seconds):.2f}/{max(seconds):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--points", type=int, default=512)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="toolspec-bench-"))
    try:
        with lab("bench") as cluster:
            os.environ["SLURM_CONF"] = str(cluster.slurm_conf)
            job = {**os.environ, **job_environment().variables({"steps": 1, "step_seconds": 0.1})}
            paths = os.pathsep.join([str(ROOT / "src"), job["PYTHONPATH"]])
            job |= {"TOOLSPEC_RUNS": str(folder / "runs"), "PYTHONPATH": paths}
            own, reference, submits = [], [], []
            for _ in range(asked.rounds):
                seconds, start = own_start(job)
                submits.append(seconds)
                own.append(start)
                if asked.reference:
                    reference.append(reference_start(asked.reference.resolve(), folder, job))
            shown("submit, lint to job id", submits)
            shown("job's start to verl's start", own)
            if reference:
                shown("the reference's", reference)
                print(f"ratio of medians {statistics.median(own) / statistics.median(reference):.2f}")
            sweep(asked.points, job)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
