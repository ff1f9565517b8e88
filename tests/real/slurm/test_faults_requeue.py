"""Jobs that Slurm ends and begins again: time limits, preemption, dead nodes. docs/faults.md has a row for each."""

from __future__ import annotations

import time

import pytest

from real.slurm.site import Run, Site
from real.slurm.together import fault

pytestmark = pytest.mark.real

SLOW = {"step_seconds": 0.5}


def urgent(site: Site, nodes: list[str], partition: str, seconds: int = 2) -> str:
    """A job of higher priority that takes the nodes whole."""
    where = [f"--nodelist={','.join(nodes)}", f"--nodes={len(nodes)}", "--gres=gpu:8"]
    return site.lab.sbatch(f"sleep {seconds}", f"--partition={partition}", *where)


def trained_once(run: Run, last: int) -> None:
    """Every step was trained, and a start went on behind the checkpoint that it took up."""
    steps = run.steps()
    assert sorted(set(steps)) == list(range(1, last + 1))
    for event in run.events("began")[1:]:
        assert (event["resumed_from"] or 0) + 1 in steps


@fault(rays=1)
def test_a_real_time_limit_with_requeue_and_resume(site: Site) -> None:
    with site.nodes(1) as nodes:
        slurm = {"time": "2m", "notice": "20s"}
        spec = site.spec(nodes, budget={"steps": 110}, slurm=slurm)
        run = site.submit(spec, env=site.environment({"ray": True, "step_seconds": 1.0}))
        (first,) = run.ended(seconds=200)[:1]
        kept = run.keep()
        assert (first["code"], first["cause"]["kind"], first["next"]) == (75, "time-limit", "requeue")
        assert first["cause"]["step"] >= 2
        (ending,) = run.events("ending")[:1]
        assert ending["why"] == "time limit" and 0 < ending["seconds_left"] <= 60
        run.ended(2, seconds=200)
        assert run.events("began")[1]["resumed_from"] == first["cause"]["step"]
        said = run.over("done", seconds=240)
        assert said["restarts"] >= 1 and said["step"] == 110
        trained_once(run, 110)
        assert run.lost(kept) == []
        assert run.slurm() == ["REQUEUED"] * said["restarts"] + ["COMPLETED 0:0"]


@fault()
def test_the_older_trainer_saves_before_its_time_ends(site: Site) -> None:
    with site.nodes(1) as nodes:
        slurm = {"time": "2m", "notice": "30s", "restarts": 0}
        spec = site.spec(
            nodes, target="verl==0.8.0", checkpoint={"every": 1000}, budget={"steps": 400}, slurm=slurm
        )
        run = site.submit(spec, env=site.environment({"step_seconds": 1.0}, "0.8.0"))
        (ended,) = run.ended(seconds=180)
        assert "Force saving checkpoint: ESI instance expiration approaching." in run.log()
        newest = max(run.checkpoints())
        assert ended["cause"] == {**ended["cause"], "kind": "time-limit", "step": newest}
        assert newest >= max(run.steps()) - 2, "of the last steps before the notice"
        said = run.over("failed", seconds=120)
        assert "time limit" in said["why"]
        again = run.resubmit("--set", f"budget.steps={newest + 3}", env=site.environment({}, "0.8.0"))
        assert again.code == 0, again.err
        assert run.over("done")["step"] == newest + 3
        assert run.events("began")[-1]["resumed_from"] == newest


@fault()
def test_the_newer_trainer_keeps_its_periodic_checkpoint(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, checkpoint={"every": 3}, budget={"steps": 24}, slurm={"notice": "60s"})
        run = site.submit(spec, env=site.environment(SLOW))
        run.step(8)
        site.lab.ask("scancel", "--signal=USR2", run.job)  # as Slurm's own notice
        (first,) = run.ended()[:1]
        newest = max(step for step in run.checkpoints() if step <= first["cause"]["step"])
        assert newest % 3 == 0 and newest == first["cause"]["step"] and "Force saving" not in run.log()
        assert first["why"] == f"goes on from step {newest}"
        said = run.over("done")
        assert [each["resumed_from"] for each in said["attempts"]] == [0, newest]
        trained_once(run, 24)


@fault()
def test_no_checkpoint_within_two_whole_time_limits(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, checkpoint={"every": 500}, budget={"steps": 1000})
        run = site.submit(spec, env=site.environment(SLOW))
        for count in (1, 2):
            run.begun(count)
            time.sleep(1)
            site.lab.ask("scancel", "--signal=USR2", run.job)
            run.ended(count)
        said = run.over("failed")
        assert "no new checkpoint within two whole time limits" in said["why"]
        assert run.slurm()[-1] == "FAILED 75:0"


@fault()
def test_preempted_and_queued_again(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, budget={"steps": 20})
        run = site.submit(spec, env=site.environment(SLOW))
        run.step(5)
        kept = run.keep()
        first = urgent(site, nodes, "urgent", seconds=6)
        site.until(lambda: run.status()["state"] == "requeued", "requeued")
        site.lab.wait(first, "COMPLETED")
        said = run.over("done")
        assert said["restarts"] == 1
        assert said["attempts"][1]["resumed_from"] >= 4
        trained_once(run, 20)
        assert run.lost(kept) == []
        assert run.slurm() == ["PREEMPTED", "COMPLETED 0:0"]
        assert run.events("ended")[0]["code"] == 143


@fault()
def test_preempted_with_grace_where_jobs_are_cancelled(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, budget={"steps": 20}, slurm={"partition": "scavenge"})
        run = site.submit(spec, env=site.environment(SLOW))
        run.step(5)
        kept = run.keep()
        first = urgent(site, nodes, "gpu")
        site.lab.wait(first, "COMPLETED")
        said = run.over("done")
        assert said["restarts"] == 1 and said["attempts"][1]["resumed_from"] >= 4
        trained_once(run, 20)
        assert run.lost(kept) == []
        assert run.events("ended")[0]["code"] == 143
        assert run.slurm()[-1] == "COMPLETED 0:0"


@fault()
def test_queued_again_by_hand(site: Site) -> None:
    with site.nodes(1) as nodes:
        run = site.submit(site.spec(nodes, budget={"steps": 16}), env=site.environment(SLOW))
        run.step(5)
        kept = run.keep()
        site.lab.ask("scontrol", "requeue", run.job)
        said = run.over("done")
        assert said["restarts"] == 1 and said["attempts"][1]["resumed_from"] >= 4
        trained_once(run, 16)
        assert run.lost(kept) == []
        assert run.slurm() == ["REQUEUED", "COMPLETED 0:0"]


@fault()
def test_a_storm_of_requeues_ends(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, budget={"steps": 500}, slurm={"restarts": 2})
        run = site.submit(spec, env=site.environment(SLOW))
        for count in (1, 2, 3):
            run.begun(count)
            site.lab.ask("scontrol", "requeue", run.job)
        said = run.over("failed")
        assert said["exit_code"] == 78
        assert "the job was begun 3 times, 1 and the 2 restarts of cluster.slurm.restarts" in said["why"]
        assert len(run.events("began")) == 3
        assert run.slurm() == ["REQUEUED", "REQUEUED", "REQUEUED", "FAILED 78:0"]
        kept = run.keep()
        assert run.resubmit(env=site.environment(SLOW)).code == 0, "a new submission has restarts of its own"
        site.until(lambda: len(run.events("began")) == 4, "begun by a resubmission")
        assert site.toolspec("cancel", run.id).code == 0
        run.over("cancelled")
        assert run.lost(kept) == []


@fault(rays=1)
def test_a_node_dies(site: Site) -> None:
    with site.nodes(2) as nodes:
        spec = site.spec(nodes, budget={"steps": 14})
        run = site.submit(spec, env=site.environment({"ray": True, **SLOW}))
        run.step(5)
        kept = run.keep()
        site.lab.kill_node(nodes[1])
        site.lab.wait(run.job, "PENDING", seconds=60)
        assert run.status()["state"] == "requeued"
        assert site.lab.leftovers(nodes[:1], seconds=30) == [], "the node that lives is clean"
        site.lab.start_node(nodes[1])
        said = run.over("done", seconds=150)
        assert said["attempts"][-1]["resumed_from"] >= 4
        trained_once(run, 14)
        assert run.lost(kept) == []
        assert run.slurm()[0] in ("NODE_FAIL", "REQUEUED") and run.slurm()[-1] == "COMPLETED 0:0"


@fault()
def test_the_first_node_dies(site: Site) -> None:
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, budget={"steps": 14})
        run = site.submit(spec, env=site.environment(SLOW))
        run.step(5)
        kept = run.keep()
        site.lab.kill_node(nodes[0])
        assert run.status()["state"] in ("running", "requeued")
        site.lab.wait(run.job, "PENDING", seconds=60)
        assert run.events("ended") == [], "who would have said it is dead"
        site.lab.start_node(nodes[0])
        said = run.over("done")
        assert said["attempts"][-1]["resumed_from"] >= 4
        trained_once(run, 14)
        assert run.lost(kept) == []
        assert run.slurm() == ["NODE_FAIL", "COMPLETED 0:0"]
