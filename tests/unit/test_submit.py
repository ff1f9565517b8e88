"""`toolspec submit` without a cluster: what it writes, what it refuses, and runs on this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from toolspec.backends.launch.resubmit import alike, as_changed
from toolspec.backends.launch.runs import read_run
from toolspec.backends.launch.submit import Submission

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "calculator" / "exp.yaml"
FORCE = ("--force", "TS947=a stand-in for verl")
# Says what it was given, waits, and ends as it is told.
MAIN = """
import json, os, signal, subprocess, sys, time
told = json.loads(os.environ["STUB"])
print("arguments", json.dumps(sys.argv[1:]), flush=True)
print("gpus", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
if told.get("child"):
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    print("child", subprocess.Popen(sleep, start_new_session=told.get("daemon", False)).pid, flush=True)
time.sleep(told.get("seconds", 0))
if told.get("says"):
    print(told["says"])
sys.exit(told.get("code", 0))
"""


class Place:
    """A folder to call toolspec in, with a stub of verl for what runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        package = folder / "stub" / "verl" / "trainer"
        package.mkdir(parents=True)
        for each in (package, package.parent):
            (each / "__init__.py").touch()
        (package / "main_ppo.py").write_text(MAIN)

    def call(
        self, *words: str, stub: Mapping[str, Any] | None = None, **variables: str
    ) -> tuple[int, str, str]:
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("SLURM", "TOOLSPEC"))
            },
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{self.folder / 'stub'}",
            "STUB": json.dumps(stub or {}),
            "COLUMNS": "100",
            **variables,
        }
        done = subprocess.run(
            [sys.executable, "-m", "toolspec", *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def submitted(self, *words: str, stub: Mapping[str, Any] | None = None, **variables: str) -> Path:
        words = ("submit", str(EXAMPLE), "--local", "--format", "json", *FORCE, *words)
        code, out, err = self.call(*words, stub=stub, **variables)
        assert code == 0, (out, err)
        return Path(json.loads(out)["folder"])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def until(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return found


def ended(run: Path) -> dict[str, Any] | None:
    for file in (run / "events").glob("*-ended-*.json"):
        value: dict[str, Any] = json.loads(file.read_text())
        return value
    return None


def log(run: Path) -> str:
    return "".join(file.read_text() for file in sorted((run / "logs").glob("*.log")))


def without_slurm(folder: Path) -> str:
    """A PATH of the few programs that a submit calls."""
    place = folder / "bin"
    place.mkdir()
    for name in ("bash", "sh", "env", "python3"):
        found = next(
            Path(each) / name for each in os.environ["PATH"].split(":") if (Path(each) / name).exists()
        )
        (place / name).symlink_to(found)
    return str(place)


def _has_child(run: Path) -> bool:
    return "child " in log(run)


def gone(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def test_a_local_run_keeps_its_exit_code_log_and_gpus(place: Place) -> None:
    """submitit's own local executor hides GPUs, and says 0 of every code."""
    run = place.submitted(stub={"code": 5, "says": "KeyError: 'x'"}, CUDA_VISIBLE_DEVICES="3,5")
    end = until(lambda: ended(run))
    assert (end["code"], end["cause"]["kind"], end["cause"]["message"]) == (5, "error", "KeyError: 'x'")
    text = log(run)
    assert "gpus 3,5" in text
    assert json.loads(text.split("arguments ")[1].split("\n")[0])[-1] == "trainer.resume_mode=disable"
    told = json.loads((run / "run.json").read_text())
    assert (told["id"], told["verl"], told["trainer"], told["steps"]) == (run.name, "0.9.1", "v1", 8)
    assert told["forced"] == [{"code": "TS947", "reason": "a stand-in for verl"}]
    manifest = json.loads((run / "bundle" / "manifest.json").read_text())
    assert told["bundle"] == manifest["bundle"]
    assert (run / "bundle" / ".." / "data" / manifest["data"]["hash"] / "train.parquet").is_file()
    kinds = [json.loads(file.read_text())["kind"] for file in sorted((run / "events").iterdir())]
    assert sorted(kinds) == ["began", "ended", "environment", "started", "submitted"]
    assert not list(run.rglob("*.part")) + list(run.rglob(".*.draft"))


def test_a_local_run_dies_as_a_whole(place: Place) -> None:
    run = place.submitted(stub={"seconds": 600, "child": True})
    child = int(until(lambda: "child " in log(run) and log(run).split("child ")[1].split("\n")[0]))
    pid = json.loads((run / "submissions" / "0001.json").read_text())["pid"]
    os.killpg(pid, signal.SIGTERM)
    end = until(lambda: ended(run))
    assert (end["cause"]["kind"], end["next"]) == ("signal", "stop")
    until(lambda: gone(pid) and gone(child))


def test_what_was_killed_before_it_wrote_anything_is_told_too(place: Place) -> None:
    """Nobody is left to say it, and status says so."""
    run = place.submitted(stub={"seconds": 600})
    pid = json.loads((run / "submissions" / "0001.json").read_text())["pid"]
    os.killpg(pid, signal.SIGKILL)
    place.call("cancel", run.name)  # verl, if it had begun
    until(lambda: not list(Path("/proc").glob(f"{pid}/status")) or gone(pid))
    code, out, _ = place.call("status", run.name, "--format", "json")
    assert code == 1
    assert json.loads(out)["runs"][0]["state"] in ("lost", "failed", "cancelled")


def test_verl_that_outlives_a_killed_supervisor_still_runs(place: Place) -> None:
    """A resubmission of it would be a second trainer in its checkpoints."""
    run = place.submitted(stub={"seconds": 600, "child": True})
    child = int(until(lambda: "child " in log(run) and log(run).split("child ")[1].split("\n")[0]))
    os.killpg(json.loads((run / "submissions" / "0001.json").read_text())["pid"], signal.SIGKILL)
    _, out, _ = place.call("status", run.name, "--format", "json")
    (told,) = json.loads(out)["runs"]
    assert (told["state"], "was killed" in " ".join(told["notes"])) == ("running", True)
    code, _, err = place.call("resubmit", run.name, *FORCE)
    assert (code, "TS952" in err) == (1, True)
    assert place.call("cancel", run.name)[0] == 0
    until(lambda: gone(child))
    assert (
        json.loads(place.call("status", run.name, "--format", "json")[1])["runs"][0]["state"] == "cancelled"
    )


def test_nothing_outlives_a_local_run(place: Place) -> None:
    """Neither verl, where ts_job.py is killed, nor what made itself a daemon, where verl ends by itself."""
    killed = place.submitted(stub={"seconds": 600, "child": True})
    ended_well = place.submitted(stub={"seconds": 1, "child": True, "daemon": True})
    for run in (killed, ended_well):
        until(partial(_has_child, run))
    pid = json.loads((killed / "submissions" / "0001.json").read_text())["pid"]
    (ts_job,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(ts_job), signal.SIGKILL)
    for run in (killed, ended_well):
        child = int(log(run).split("child ")[1].split("\n")[0])
        until(partial(gone, child))
    cause = until(lambda: ended(killed))["cause"]
    assert cause["kind"] == "killed" and "before verl" not in cause["message"]
    assert until(lambda: ended(ended_well))["code"] == 0


def test_a_smoke_run_comes_first_and_ends_the_run_where_it_fails(place: Place) -> None:
    run = place.submitted("--smoke", stub={"code": 3, "says": "ValueError: no"})
    end = until(lambda: ended(run))
    assert (end["code"], end["cause"]["message"]) == (3, "--smoke: ValueError: no")
    (smoke,) = (run / "logs").glob("*.smoke.log")
    words = json.loads(smoke.read_text().split("arguments ")[1].split("\n")[0])
    assert {"trainer.total_training_steps=2", "trainer.save_freq=-1", "data.train_batch_size=1"} <= set(words)
    rows = [word.partition("=")[2].strip("'") for word in words if word.startswith("data.train_files=")]
    assert all((run / "bundle" / each).is_file() for each in rows), rows  # the run's rows, if it names any
    assert "arguments" not in (run / "logs" / "0001.0.log").read_text()


def test_a_smoke_run_that_passes_is_followed_by_the_run(place: Place) -> None:
    run = place.submitted("--smoke", stub={})
    assert until(lambda: ended(run))["code"] == 0
    assert (
        "trainer.total_training_steps" not in (run / "logs" / "0001.0.log").read_text().split("arguments")[1]
    )


def test_only_an_evaluation(place: Place) -> None:
    run = place.submitted("--validate-only")
    until(lambda: ended(run))
    assert {"trainer.val_only=true", "trainer.val_before_train=true"} <= set(
        json.loads(log(run).split("arguments ")[1].split("\n")[0])
    )


def test_a_bundle_runs_as_its_spec_does(place: Place) -> None:
    assert place.call("compile", str(EXAMPLE))[0] == 0
    code, out, err = place.call("submit", "build/calculator", "--local", "--format", "json", *FORCE)
    assert code == 0, err
    run = Path(json.loads(out)["folder"])
    assert until(lambda: ended(run))["code"] == 0
    names = {path.name for path in (place.folder / "build" / "calculator").iterdir()}
    assert {path.name for path in (run / "bundle").iterdir()} == names
    assert (run / "data").resolve() == (place.folder / "build" / "data").resolve()


def test_an_edited_bundle_is_meant_or_refused(place: Place) -> None:
    place.call("compile", str(EXAMPLE))
    with (place.folder / "build" / "calculator" / "config.yaml").open("a") as file:
        file.write("# mine\n")
    code, _, err = place.call("submit", "build/calculator", "--local", *FORCE)
    assert (code, "config.yaml differ from its manifest" in err) == (1, True)
    assert not list((place.folder / "runs").glob("calculator-*"))
    words = ("submit", "build/calculator", "--local", "--format", "json", *FORCE, "--force", "TS940=by hand")
    code, out, _ = place.call(*words)
    run = Path(json.loads(out)["folder"])
    assert [each["code"] for each in json.loads((run / "run.json").read_text())["forced"]] == [
        "TS947",
        "TS940",
    ]
    until(lambda: ended(run))


def test_a_dry_run_writes_nothing_and_shows_the_script(place: Place) -> None:
    words = (
        "submit",
        str(EXAMPLE),
        "--slurm",
        "--dry-run",
        "--set",
        "cluster.slurm={partition: gpu, time: 2h}",
    )
    code, out, err = place.call(*words, *FORCE, PATH=without_slurm(place.folder))
    assert code == 0, err
    assert "#SBATCH --partition=gpu\n" in out
    assert "#SBATCH --time=120\n" in out
    assert "#SBATCH --signal=USR2@180\n" in out
    assert out.rstrip().endswith('exec bash "$TOOLSPEC_RUN_DIR/bundle/batch.sh"')
    assert not (place.folder / "runs").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("submit", str(EXAMPLE)), 2, "say where: --slurm or --local"),
        (
            ("submit", str(EXAMPLE), "--local", "--smoke", "--validate-only"),
            2,
            "--validate-only trains nothing",
        ),
        (("submit", str(EXAMPLE), "--local", "--force", "TS947"), 2, "is not CODE=REASON"),
        (("submit", str(EXAMPLE), "--local", "--force", "TS000=x"), 2, "there is no TS000"),
        (("submit", "nothing.yaml", "--local"), 1, "nothing.yaml"),
        (("submit", str(EXAMPLE), "--local", "--parallel", "2"), 2, "for a spec with a sweep"),
        (
            ("submit", str(EXAMPLE), "--local", "--set", "sweep={algorithm.group: [4, 8]}"),
            2,
            "a sweep is sent to Slurm",
        ),
        (
            ("submit", str(EXAMPLE), "--local", "--set", "cluster.nodes=2"),
            1,
            "--local runs on this machine alone",
        ),
        (
            ("submit", str(EXAMPLE), "--local", "--set", "env=[NO_SUCH_SECRET]"),
            1,
            "NO_SUCH_SECRET is not set here",
        ),
        (("resubmit", "nobody"), 1, "no run"),
    ],
)
def test_wrong_calls(place: Place, words: tuple[str, ...], code: int, said: str) -> None:
    done = place.call(*words)
    assert (done[0], said in done[1] + done[2]) == (code, True), done
    assert "Traceback" not in done[2]
    assert not list(place.folder.glob("runs/calculator-*"))


def test_no_slurm_is_said_before_anything_is_written(place: Place) -> None:
    code, _, err = place.call("submit", str(EXAMPLE), "--slurm", *FORCE, PATH=without_slurm(place.folder))
    assert (code, "there is no Slurm on this machine" in err) == (1, True), err
    assert not list(place.folder.glob("runs/calculator-*"))


def test_a_run_goes_on_with_a_second_submission(place: Place) -> None:
    run = place.submitted(stub={"code": 1})
    until(lambda: ended(run))
    until(
        lambda: (
            json.loads(place.call("status", run.name, "--format", "json")[1])["runs"][0]["state"] == "failed"
        )
    )
    words = ("resubmit", run.name, "--format", "json", *FORCE, "--set", "algorithm.lr=3e-6")
    code, out, err = place.call(*words, stub={})
    assert code == 0, (out, err)
    assert json.loads(out)["submission"] == 2
    second = run / "logs" / "0002.0.log"
    until(lambda: second.exists() and "arguments" in second.read_text())
    assert any(
        "optim.lr=3e-06" in word
        for word in json.loads(second.read_text().split("arguments ")[1].split("\n")[0])
    )
    until(lambda: len(list((run / "events").glob("*-ended-*"))) == 2)


def test_what_would_be_another_run_is_not_resubmitted(place: Place) -> None:
    run = place.submitted(stub={"code": 1})
    until(lambda: ended(run))
    file = run / "run.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, "set": 5}))
    assert place.call("resubmit", run.name, "--dry-run", *FORCE, "--set", "algorithm.lr=1e-5")[0] != 2, (
        "no fault of ours"
    )
    file.write_text(json.dumps(told))
    for change, words in (
        ("reward.valid_call=0.5", "ts_reward.json of the bundle"),
        ("env={NCCL_DEBUG: INFO}", "launch.sh of the bundle"),
        ("cluster.gpus=2", "shards of 1"),
    ):
        code, _, err = place.call("resubmit", run.name, *FORCE, "--set", change)
        assert (code, words in " ".join(err.split())) == (1, True), err


def test_what_a_resubmission_asks_of_slurm_is_asked(tmp_path: Path) -> None:
    """`status` says of a host without memory: cluster.slurm.memory. It must reach the job, and the next one too."""
    place = Place(tmp_path)
    spec = tmp_path / "exp.yaml"
    for name in ("train.jsonl", "val.jsonl", "tools.py"):
        (tmp_path / name).write_bytes((EXAMPLE.parent / name).read_bytes())
    slurm = "{gpus: 1, slurm: {partition: gpu, time: 1h, memory: 4GB, restarts: 2}}"
    spec.write_text(EXAMPLE.read_text().replace("cluster: {gpus: 1}", f"cluster: {slurm}"))
    code, out, err = place.call("submit", str(spec), "--local", "--format", "json", *FORCE)
    assert code == 0, err
    run = Path(json.loads(out)["folder"])
    until(lambda: ended(run))
    file = run / "submissions" / "0001.json"  # as if Slurm had had it
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, "kind": "slurm", "job": "7", "pid": None}))
    sets = (
        "cluster.slurm.memory=64GB",
        "cluster.slurm.restarts=5",
        "budget.gpu_hours=2",
        "algorithm.lr=3e-6",
    )
    path = without_slurm(tmp_path)
    words = [word for each in sets for word in ("--set", each)]
    code, out, err = place.call("resubmit", run.name, "--dry-run", *FORCE, *words, PATH=path)
    assert "#SBATCH --mem=65536M" in out and "optim.lr=3e-06" in out, (out, err)
    assert 'TOOLSPEC_SETTINGS=\'{"gpu_hours": 2.0, "restarts": 5}\'' in out, out
    changed = {"settings": {"restarts": 5}, "options": {"mem": "65536M"}}
    file.write_text(json.dumps({**json.loads(file.read_text()), "changed": changed}))
    _, out, err = place.call("resubmit", run.name, "--dry-run", *FORCE, PATH=path)
    assert "#SBATCH --mem=65536M" in out and "TOOLSPEC_SETTINGS='{\"restarts\": 5}'" in out, (out, err)


def test_points_of_a_sweep_that_were_changed_stay_so(place: Place) -> None:
    """A failed point of a sweep that only evaluated would train, and one that was resubmitted with --set forget it."""
    run = place.submitted("--validate-only", stub={"code": 1})
    until(lambda: ended(run))
    plain = run.with_name("calculator-ffffff")
    shutil.copytree(run, plain, symlinks=True)
    file = plain / "submissions" / "0001.json"
    changed = {"settings": {"restarts": 5}, "options": {"mem": "1M"}}
    file.write_text(json.dumps({**json.loads(file.read_text()), "overrides": [], "changed": changed}))
    first, second = alike([read_run(run), read_run(plain)]).values()
    empty = Submission(1, "n", "slurm", {"nodes": 1}, (), {})
    sent = as_changed(empty, first.change)
    assert "trainer.val_only=true" in sent.overrides and sent.extra == {}
    sent = as_changed(empty, second.change)
    assert (sent.overrides, sent.options, sent.changed) == ((), {"nodes": 1, "mem": "1M"}, changed)
    assert json.loads(sent.extra["TOOLSPEC_SETTINGS"]) == {"restarts": 5}
    assert [each.number for each in (*first.members, *second.members)] == [2, 2]


@pytest.mark.parametrize(
    ("override", "name", "value"),
    [
        ("actor_rollout_ref.actor.checkpoint.save_contents: [model]", "contents", ["model"]),
        ("trainer.use_v1: false", "trainer", "v0"),
    ],
)
def test_what_the_job_knows_is_what_verl_is_told(
    place: Place, override: str, name: str, value: object
) -> None:
    """Else a checkpoint in which something is looked for that verl never writes is never whole."""
    words = ("compile", str(EXAMPLE), "--out", "b", "--set", f"overrides={{{override}}}")
    code, _, err = place.call(*words)
    assert code == 0, err
    assert json.loads((place.folder / "b" / "ts_job.json").read_text())[name] == value


def test_paths_with_spaces_unicode_and_percent_signs(tmp_path: Path) -> None:
    place = Place(tmp_path)
    odd = tmp_path / "a b ü %j 'q'"
    run = place.submitted(stub={}, TOOLSPEC_RUNS=str(odd))
    assert until(lambda: ended(run))["code"] == 0
    assert place.call("status", str(run))[0] == 0
