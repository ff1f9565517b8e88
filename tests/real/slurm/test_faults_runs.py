"""Cancelling, sweeps, and run folders that are named oddly, moved, or out of time: rows of docs/faults.md."""

from __future__ import annotations

import json
import shutil

import pytest

from real.slurm.site import FORCED, Run, Site
from real.slurm.together import fault

pytestmark = pytest.mark.real

SLOW = {"step_seconds": 0.5}
RAY = {"ray": True, **SLOW}


def cancelled(site: Site, run: Run) -> None:
    """`toolspec cancel` ends it, twice is once, and it stays ended."""
    told = site.toolspec("cancel", run.id)
    assert told.code == 0, told.err + told.out
    said = run.over("cancelled", seconds=30)
    assert said["state"] == "cancelled"
    again = site.toolspec("cancel", run.id)
    assert again.code == 0 and "over already" in again.out + again.err
    assert len(run.events("cancelled")) == 1
    assert site.lab.squeue(run.job) in ("", "CANCELLED")


@fault()
def test_cancelled_while_it_waits(site: Site) -> None:
    with site.nodes(1) as nodes:
        holds = site.lab.sbatch("sleep 300", f"--nodelist={nodes[0]}", "--exclusive")
        site.lab.wait(holds, "RUNNING")
        run = site.submit(site.spec(nodes))
        said = run.status()
        assert said["state"] == "pending" and said["why"]
        cancelled(site, run)
        assert run.log() == "" and run.events("began") == []
        site.lab.ask("scancel", holds)


@fault(rays=1)
def test_cancelled_while_ray_comes_up(site: Site) -> None:
    with site.nodes(2) as nodes:
        run = site.submit(site.spec(nodes), env=site.environment(RAY))
        site.until(lambda: list(run.folder.glob("attempts/*/head.json")), "the head is started")
        assert run.status()["state"] == "starting"
        cancelled(site, run)
        assert run.events("started") == []


@fault(rays=1)
def test_cancelled_while_it_runs(site: Site) -> None:
    with site.nodes(2) as nodes:
        run = site.submit(site.spec(nodes, budget={"steps": 200}), env=site.environment(RAY))
        run.step(3, seconds=180)
        kept = run.keep()
        cancelled(site, run)
        assert run.lost(kept) == []
        (ended,) = run.events("ended")
        assert ended["code"] == 143 and ended["next"] == "stop"


@fault()
def test_cancelled_while_it_is_queued_again(site: Site) -> None:
    with site.nodes(1) as nodes:
        run = site.submit(site.spec(nodes, budget={"steps": 200}), env=site.environment(SLOW))
        run.step(3)
        site.lab.ask("scancel", "--signal=USR2", run.job)
        site.lab.wait(run.job, "PENDING", seconds=40)
        assert run.status()["state"] == "requeued"
        cancelled(site, run)
        assert len(run.events("began")) == 1


@fault()
def test_an_array_of_eight_with_two_failing(site: Site) -> None:
    with site.nodes(1) as nodes:
        rates = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
        spec = site.spec(
            nodes,
            sweep={"grid": {"reward.valid_call": rates}, "parallel": 4},
            slurm={"restarts": 0, "memory": "1GB"},
        )
        dry = site.toolspec("submit", str(spec), "--slurm", *FORCED, "--dry-run", "--format", "json")
        points = sorted(json.loads(dry.out)["runs"])
        failing = [name.rpartition("-")[0] for name in (points[2], points[5])]
        plan = {"faults": [{"kind": "exit", "at": 3, "code": 9, "times": 1, "run": name} for name in failing]}
        env = site.environment(plan)
        told = site.toolspec("submit", str(spec), "--slurm", *FORCED, "--format", "json", env=env)
        assert told.code == 0, told.errors()
        sweep, arrays = told.json["sweep"], told.json["arrays"]
        assert len(told.json["runs"]) == 8 and len(arrays) == 1
        runs = {each["run"]: Run(site, site.runs / each["run"]) for each in told.json["runs"]}
        for run in runs.values():
            assert run.submission()["array"] == arrays[0]
            run.ended(seconds=240)

        def states() -> dict[str, str]:
            said = site.toolspec("status", "--sweep", sweep, "--format", "json")
            return {each["id"]: each["state"] for each in said.json["runs"]}

        site.until(lambda: "running" not in states().values(), "all over", 30)
        failed = sorted(name for name, state in states().items() if state == "failed")
        assert [name.rpartition("-")[0] for name in failed] == failing
        assert sorted(states().values()) == ["done"] * 6 + ["failed"] * 2
        for name in failed:
            assert runs[name].resubmit(env=env).code == 0
        for name in failed:
            assert runs[name].over("done")["attempts"][-1]["resumed_from"] == 2
        assert set(states().values()) == {"done"}
        for name, run in runs.items():
            assert len(list((run.folder / "submissions").glob("*.json"))) == (2 if name in failed else 1)
            assert len(run.events("began")) == (2 if name in failed else 1)
            run.tidy()
        again = site.toolspec("submit", str(spec), "--slurm", *FORCED, "--extend", sweep, env=env)
        assert again.code == 0 and "has a run for each of the 8 points already" in again.out


@fault()
def test_a_point_of_an_array_is_queued_again(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, sweep={"grid": {"reward.valid_call": [0.1, 0.2]}}, budget={"steps": 24})
        env = site.environment(SLOW)
        told = site.toolspec("submit", str(spec), "--slurm", *FORCED, "--format", "json", env=env)
        assert told.code == 0, told.errors()
        first, second = (Run(site, site.runs / each["run"]) for each in told.json["runs"])
        first.step(5)
        site.lab.ask("scancel", "--signal=USR2", first.job)
        first.ended(2)
        second.ended()
        said = first.over("done")
        assert said["restarts"] == 1 and said["attempts"][1]["resumed_from"] >= 4
        assert second.over("done")["restarts"] == 0
        assert first.job != second.job and first.job.partition("_")[0] == second.job.partition("_")[0]
        assert second.steps() == list(range(1, 25))
        assert sorted(set(first.steps())) == list(range(1, 25))


@fault()
def test_a_path_with_spaces_unicode_and_percent(site: Site) -> None:
    odd = site.folder / "läufe 50%j 'q' $HOME 訓練"
    with site.nodes(1) as nodes:
        plan = {"fault": {"kind": "half_checkpoint", "at": 4, "times": 1}}
        env = site.environment(plan, TOOLSPEC_RUNS=str(odd))
        run = site.submit(site.spec(nodes), env=env)
        assert run.folder.parent == odd
        said = run.over("done")
        assert said["restarts"] == 1 and said["attempts"][1]["resumed_from"] == 2
        assert run.checkpoints() == [2, 4, 6]
        assert sorted(each.name for each in site.folder.glob("l*")) == [odd.name]
        logs = site.toolspec("logs", str(run.folder), "--tail", "5", env=env)
        assert "step:6 - " in logs.out


@fault()
def test_a_run_folder_that_was_moved(site: Site) -> None:
    with site.nodes(1) as nodes:
        plan = {"fault": {"kind": "exit", "at": 5, "code": 3, "times": 1}}
        env = site.environment(plan)
        run = site.submit(site.spec(nodes, slurm={"restarts": 0}), env=env)
        id_ = run.id
        run.over("failed")
        kept = run.keep()
        elsewhere = site.folder / "archive" / "renamed"
        elsewhere.parent.mkdir()
        shutil.move(run.folder, elsewhere)
        moved = Run(site, elsewhere)
        said = moved.status()
        assert (said["id"], said["state"], said["exit_code"]) == (id_, "failed", 3)
        logs = site.toolspec("logs", str(elsewhere))
        assert logs.code == 0 and "step:4 - " in logs.out
        metrics = site.toolspec("metrics", str(elsewhere), "--format", "json")
        assert metrics.code == 0, metrics.err
        assert "actor/ppo_kl" in metrics.out and "task_success_rate" in metrics.out
        again = moved.resubmit(env=env)
        assert again.code == 0, again.err
        said = moved.over("done")
        assert said["attempts"][-1]["resumed_from"] == 4 and moved.checkpoints() == [2, 4, 6]
        assert moved.lost(kept) == []
        assert not (site.runs / id_).exists(), "nothing writes to the old place"


@fault()
def test_clocks_that_differ_by_hours(site: Site) -> None:
    """The clock of the first start's node was five hours ahead, and a day behind in a file's own time."""
    with site.nodes(1) as nodes:
        plan = {"fault": {"kind": "exception", "at": 5}}
        run = site.submit(site.spec(nodes), env=site.environment(plan))
        first = run.ended()[0]
        shift(run, first["restart"], 5 * 3600)
        said = run.over("failed")
        assert "the same error twice in a row" in said["why"]
        assert [each["resumed_from"] for each in said["attempts"]] == [0, 4]
        assert [each["restart"] for each in said["attempts"]] == [0, 1]
        shift(run, 1, -86400)
        after = run.status()
        assert [each["exit_code"] for each in after["attempts"]] == [1, 1]
        assert after["state"] == "failed" and after["gpu_hours"] >= 0
        assert after["why"] == said["why"]


def shift(run: Run, restart: int, seconds: float) -> None:
    """Sets the events of one start to another time, by name and by what stands in them."""
    for file in list((run.folder / "events").glob("*.json")):
        event = json.loads(file.read_text("utf-8"))
        if event["restart"] == restart and event["kind"] != "submitted":
            stamp, _, rest = file.name.partition("-")
            event["time"] += seconds
            file.write_text(json.dumps(event), "utf-8")
            file.rename(file.with_name(f"{int(stamp) + int(seconds * 1e9):019d}-{rest}"))
