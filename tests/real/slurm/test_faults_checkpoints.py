"""Checkpoints that are not whole, not this run's, or do not fit. docs/faults.md has a row for each test."""

from __future__ import annotations

import subprocess

import pytest

from real.slurm.site import FORCED, Run, Site
from real.slurm.together import fault

pytestmark = pytest.mark.real

TRACKER = "latest_checkpointed_iteration.txt"


def tracked(run: Run) -> str:
    return (run.folder / "checkpoints" / TRACKER).read_text("utf-8").strip()


def aside(run: Run) -> list[str]:
    """What was set aside: folder and files, by their names."""
    place = run.folder / "checkpoints" / "aside"
    return sorted(str(file.relative_to(place)) for file in place.rglob("*") if file.is_file())


@fault()
def test_it_dies_while_it_saves(site: Site) -> None:
    with site.nodes(1) as nodes:
        plan = {"fault": {"kind": "half_checkpoint", "at": 4, "times": 1}}
        run = site.submit(site.spec(nodes), env=site.environment(plan))
        said = run.over("done")
        assert [each["resumed_from"] for each in said["attempts"]] == [0, 2]
        (event,) = run.events("aside")
        assert event["step"] == 4 and "is not there" in event["why"]
        (left,) = aside(run)
        assert left.startswith("global_step_4-") and left.endswith("actor/model_world_size_1_rank_0.pt")
        assert run.checkpoints() == [2, 4, 6] and tracked(run) == "6"
        assert "checkpoint of step 4 is not whole" in run.log()


@fault()
def test_a_file_is_cut_though_the_tracker_names_it(site: Site) -> None:
    with site.nodes(1) as nodes:
        plan = {"fault": {"kind": "truncated", "at": 4, "times": 1}}
        run = site.submit(site.spec(nodes), env=site.environment(plan))
        (first,) = run.ended()[:1]
        assert first["cause"]["step"] == 2, "what is whole, not what the tracker says"
        assert first["next"] == "requeue"
        said = run.over("done")
        assert [each["resumed_from"] for each in said["attempts"]] == [0, 2]
        (event,) = run.events("aside")
        assert event["step"] == 4 and "is cut" in event["why"]
        assert f"{TRACKER} said 4, now 2" in run.log()
        assert any(name.endswith("actor/model_world_size_1_rank_0.pt") for name in aside(run))


@fault()
def test_the_tracker_is_empty(site: Site) -> None:
    """On both trainers: the older one fails on such a file whatever it is told to take up."""
    with site.nodes(1) as nodes:
        for release in ("0.8.0", "0.9.1"):
            plan = {"fault": {"kind": "exit", "at": 5, "code": 3, "times": 1}}
            spec = site.spec(nodes, target=f"verl=={release}", slurm={"restarts": 0})
            env = site.environment(plan, release)
            run = site.submit(spec, env=env)
            assert run.over("failed")["exit_code"] == 3
            kept = run.keep()
            (run.folder / "checkpoints" / TRACKER).write_text("")
            assert run.resubmit(env=env).code == 0
            said = run.over("done")
            assert said["attempts"][-1]["resumed_from"] == 4
            assert f"{TRACKER} said None, now 4" in run.log()
            assert tracked(run) == "6"
            assert run.lost(kept) == []


@fault()
def test_a_checkpoint_that_is_asked_for(site: Site) -> None:
    with site.nodes(1) as nodes:
        run = site.submit(site.spec(nodes))
        run.over("done")
        kept = run.keep(2)  # those behind it are trained again
        assert run.resubmit("--from-checkpoint", "3").code == 0
        said = run.over("failed")
        assert "has no checkpoint of step 3; whole ones: 2, 4, 6" in said["why"]
        assert said["exit_code"] == 78
        assert run.resubmit("--from-checkpoint", "2").code == 0
        assert run.over("done")["attempts"][-1]["resumed_from"] == 2
        assert run.lost(kept) == []


@fault()
def test_the_disk_is_full_while_it_saves(site: Site) -> None:
    """32 MB, of which a checkpoint takes 9: the kernel's own error, then room for more."""
    if not site.lab.layout.namespaces:
        pytest.skip("the small disk needs namespaces")
    place = site.lab.small_disk / "full"
    with site.nodes(1) as nodes:
        spec = site.spec(nodes, checkpoint={"dir": str(place), "keep": 9}, budget={"steps": 12})
        run = site.submit(spec, env=site.environment({"shard_bytes": 4 << 20}))
        said = run.over("failed")
        assert said["cause"]["kind"] == "disk"
        assert "No space left on device" in said["why"] and "checkpoint.keep" in said["fix"]
        newest = said["cause"]["step"]
        assert newest == 6, "the whole one before"
        kept = run.keep()
        on = ["srun", f"--nodelist={nodes[0]}", "--quiet"]
        site.lab.ask(*on, "rm", "-r", f"{place}/global_step_2", f"{place}/global_step_4")
        assert run.resubmit(env=site.environment({"shard_bytes": 1 << 10})).code == 0
        said = run.over("done")
        assert said["attempts"][-1]["resumed_from"] == newest and said["step"] == 12
        assert [event["step"] for event in run.events("aside")] == [8]
        assert run.lost(kept) == []
        site.lab.ask(*on, "rm", "-r", str(place))


@fault()
def test_the_disk_of_the_runs_is_full_at_submit(site: Site) -> None:
    """200 KB, and a bundle takes more: nothing is sent, nothing half-written stays."""
    tiny = site.folder / "tiny"
    tiny.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(tiny)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        env = site.environment(TOOLSPEC_RUNS=str(tiny / "runs"))
        told = site.toolspec("submit", str(site.spec([])), "--slurm", *FORCED, env=env)
        assert told.code == 1 and "TS949" in told.err, told.err
        assert list(tiny.rglob("fault-*")) == []
        force = ("--force", "TS949=to see it fail")
        told = site.toolspec("submit", str(site.spec([])), "--slurm", *FORCED, *force, env=env)
        said = " ".join(told.err.split())
        assert told.code == 1 and "TS930" in said and "No space left on device" in said, told.err
        assert list(tiny.rglob("fault-*")) == []
    finally:
        subprocess.run(["umount", str(tiny)], check=True)


@fault()
def test_the_checkpoints_of_another_run(site: Site) -> None:
    with site.nodes(1) as nodes:
        place = site.folder / "shared checkpoints"
        spec = site.spec(nodes, checkpoint={"dir": str(place)})
        first = site.submit(spec)
        first.over("done")
        before = sorted((str(file), file.stat().st_mtime_ns) for file in place.rglob("*"))
        second = site.submit(spec)
        said = second.over("failed")
        assert said["exit_code"] == 78 and said["cause"]["kind"] == "refused"
        assert f"holds the checkpoints of another run ({first.id})" in said["why"]
        assert second.events("began") == [] and second.steps() == []
        assert sorted((str(file), file.stat().st_mtime_ns) for file in place.rglob("*")) == before
        assert first.resubmit("--set", "budget.steps=8").code == 0, "its own it takes up"
        assert first.over("done")["attempts"][-1]["resumed_from"] == 6
