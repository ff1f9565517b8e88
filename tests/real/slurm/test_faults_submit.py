"""What goes wrong at a submission. docs/faults.md has a row for each test."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from real.slurm.site import FORCED, Run, Site
from real.slurm.together import fault

pytestmark = pytest.mark.real

SLOW = {"step_seconds": 0.5}


def jobs_named(site: Site, name: str, least: int = 1) -> list[str]:
    """All jobs of a name that Slurm ever had, by their ids. Accounting may hear of `least` some seconds late."""
    end = time.monotonic() + 20
    while True:
        found = site.lab.ask("sacct", "-nPX", "-S", "now-1days", f"--name={name}", "-o", "JobID")
        if len(set(found.split())) >= least or time.monotonic() > end:
            return sorted(set(found.split()))
        time.sleep(0.5)


@fault()
def test_what_the_cluster_would_not_run(site: Site) -> None:
    """Each by name, with the nearest, before anything is sent."""
    slurm = {
        "TS932 has no partition `gqu` fix: gpu": {"partition": "gqu"},
        "TS932 the partition closed is DOWN": {"partition": "closed"},
        "TS934 you have no account `reserch` fix: research": {"account": "reserch"},
        "TS934 urgent is closed to the account guest": {"partition": "urgent", "account": "guest"},
        "TS935 may not use the QOS `hihg` fix: high": {"qos": "hihg"},
        "TS937 no node of gpu has the feature `nvlnk` fix: nvlink": {"constraint": "nvlnk"},
        "TS933 2d is over the 1d that gpu allows": {"time": "2d"},
        "TS941 Invalid generic resource (gres) specification": {"extra": {"gres": "abacus:1"}},
    }
    for words, wrong in slurm.items():
        said = site.refused(site.spec([], slurm=wrong))
        code, _, rest = words.partition(" ")
        message, _, fix = rest.partition(" fix: ")
        assert code in said and message in said, said
        assert not fix or f"fix: {fix}" in said, said
    cores = site.refused(site.spec([], slurm={"cpus": 2}))
    assert "TS912" in cores and "1 × 2 cores, and verl reserves 12" in cores, cores
    gpus = site.refused(site.spec([], cluster={"gpus": 16}))
    assert "TS936" in gpus and "fix: cluster.gpus: 8" in gpus, gpus
    nodes = site.refused(site.spec([], cluster={"nodes": 16, "gpus": 8}))
    assert "TS936" in nodes and "16 × 8 GPUs" in nodes and "fix: cluster.nodes: 8" in nodes, nodes
    limit = site.refused(site.spec([], cluster={"nodes": 2, "gpus": 8}, slurm={"qos": "strict"}))
    assert "TS936" in limit and "16 GPUs are over the 8 that the QOS strict gives one job" in limit, limit


def test_accounting_is_off_and_jobs_are_purged(site_without_accounting: Site) -> None:
    site = site_without_accounting
    spec = site.spec(["n1"], slurm={"restarts": 0})
    good = site.submit(spec)
    bad = site.submit(spec, env=site.environment({"fault": {"kind": "exit", "at": 3, "code": 7}}))
    nodes = site.lab.layout.names
    blocked = site.submit(site.spec(["n2"], slurm={"extra": {"nodelist": "n2", "hold": True}}))
    assert blocked.status()["state"] == "pending" and "held" in blocked.status()["why"]
    site.lab.ask("scancel", blocked.job)
    assert good.over("done")["exit_code"] == 0
    assert bad.over("failed")["exit_code"] == 7
    assert bad.status()["source"] == "slurm"
    site.until(lambda: site.lab.squeue(blocked.job) == "" and site.lab.squeue(bad.job) == "", "purged", 90)
    assert site.lab.squeue(good.job) == ""
    assert good.status()["state"] == "done" and good.status()["source"] == "files"
    said = bad.status()
    assert (said["state"], said["exit_code"], said["source"]) == ("failed", 7, "files")
    assert blocked.status()["state"] == "lost"
    assert f"Slurm knows no job {blocked.job} now" in blocked.status()["why"]
    assert bad.resubmit().code == 0, "the newest word is enough to go on"
    assert site.toolspec("cancel", bad.id).code == 0
    assert site.lab.leftovers(nodes, seconds=15) == []


@fault()
def test_no_slurm_on_this_machine(site: Site) -> None:
    said = site.refused(site.spec([]), env=site.environment(PATH=str(site.folder)))
    assert "TS942" in said and "submit from a login node, or run it here: --local" in said


@fault()
def test_killed_between_sbatch_and_its_note(site: Site) -> None:
    with site.nodes(1) as nodes:
        took = site.folder / "took"
        path = site.wrapper("sbatch", f'told=$("$REAL" "$@"); echo "$told" >{took}; kill -KILL $PPID')
        spec = site.spec(nodes)
        told = site.toolspec("submit", str(spec), "--slurm", *FORCED, env=site.environment(PATH=path))
        assert told.code == -signal.SIGKILL
        site.until(took.exists, "sbatch")
        (folder,) = site.runs.glob("fault-*")
        run = Run(site, folder)
        assert run.submission()["job"] is None
        assert run.status()["job"] == took.read_text().split()[-1]
        assert run.submission()["job"] == took.read_text().split()[-1], "adopted, and written down"
        assert run.over("done")["step"] == 6
        assert jobs_named(site, run.id) == [run.job]


@fault()
def test_killed_before_sbatch(site: Site) -> None:
    path = site.wrapper("sbatch", "kill -KILL $PPID")
    told = site.toolspec("submit", str(site.spec([])), "--slurm", *FORCED, env=site.environment(PATH=path))
    assert told.code == -signal.SIGKILL
    (folder,) = site.runs.glob("fault-*")
    run = Run(site, folder)
    said = run.status()
    assert said["state"] == "pending" and "being submitted" in said["why"]
    file = run.folder / "submissions" / "0001.json"
    before = file.read_text("utf-8")
    told_at = f'"submitted": {run.submission()["submitted"]}'
    file.write_text(before.replace(told_at, f'"submitted": {time.time() - 1000}'), "utf-8")
    said = run.status()
    assert said["state"] == "lost" and "broken off" in said["why"] and said["fix"] == "toolspec resubmit"
    with site.nodes(1):
        assert run.resubmit().code == 0
        assert run.over("done")["submission"] == 2
    assert jobs_named(site, run.id) == [run.job]


@fault()
def test_ctrl_c_while_sbatch_runs(site: Site) -> None:
    with site.nodes(1) as nodes:
        path = site.wrapper("sbatch", 'kill -INT $PPID; sleep 1; exec "$REAL" "$@"')
        told = site.toolspec(
            "submit", str(site.spec(nodes)), "--slurm", *FORCED, env=site.environment(PATH=path)
        )
        assert told.code in (130, 1, 0) and "Traceback" not in told.err, (told.code, told.err[-500:])
        (folder,) = site.runs.glob("fault-*")
        run = Run(site, folder)
        assert run.submission()["job"], "the id came first, and was written down"
        assert run.over("done")["step"] == 6
        assert jobs_named(site, run.id) == [run.job]


@fault()
def test_cancelled_while_sbatch_runs(site: Site) -> None:
    with site.nodes(1) as nodes:
        path = site.wrapper("sbatch", 'touch "$0.began"; sleep 4; exec "$REAL" "$@"')
        env = site.environment({"step_seconds": 0.3}, PATH=path)
        process = site.start("submit", str(site.spec(nodes)), "--slurm", *FORCED, env=env)
        site.until((site.folder / "bin" / "sbatch.began").exists, "sbatch")
        (folder,) = site.runs.glob("fault-*")
        run = Run(site, folder)
        told = site.toolspec("cancel", run.id)
        assert (told.code, "had no job yet" in told.out) == (0, True), told.out
        out, err = process.communicate(timeout=60)
        assert process.returncode == 1 and "while it was submitted" in out, (out, err)
        assert run.over("cancelled")["step"] is None
        assert len(jobs_named(site, run.id)) == 1


@fault()
def test_ctrl_c_while_the_cluster_is_asked(site: Site) -> None:
    path = site.wrapper("scontrol", 'kill -INT $PPID; sleep 1; exec "$REAL" "$@"')
    process = site.start("submit", str(site.spec([])), "--slurm", *FORCED, env=site.environment(PATH=path))
    out, err = process.communicate(timeout=60)
    assert process.returncode not in (0, None) and "Traceback" not in err, err[-800:]
    assert "submitted" not in out
    assert list(site.runs.glob("fault-*")) == []


@fault()
def test_two_submissions_at_once(site: Site) -> None:
    with site.nodes(1) as nodes:
        words = ("submit", str(site.spec(nodes)), "--slurm", *FORCED, "--format", "json")
        processes = [site.start(*words) for _ in range(2)]
        for process in processes:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, (out, err)
        first, second = (Run(site, folder) for folder in site.runs.glob("fault-*"))
        assert first.job != second.job
        for run in (first, second):
            assert run.over("done")["step"] == 6
            assert run.steps() == [1, 2, 3, 4, 5, 6]


@fault()
def test_two_resubmissions_at_once(site: Site) -> None:
    with site.nodes(1) as nodes:
        plan = {"fault": {"kind": "exit", "at": 5, "code": 3, "times": 1}}
        env = site.environment(plan)
        run = site.submit(site.spec(nodes, slurm={"restarts": 0}), env=env)
        run.over("failed")
        processes = [site.start("resubmit", str(run.folder), *FORCED, env=env) for _ in range(2)]
        said = [(process.communicate(timeout=120), process.returncode) for process in processes]
        assert sorted(code for _, code in said) == [0, 1], said
        (refusal,) = (err for (_, err), code in said if code == 1)
        assert "TS952" in refusal and "Traceback" not in refusal
        assert run.over("done")["submission"] == 2
        assert len(jobs_named(site, run.id, 2)) == 2
        assert len(run.events("began")) == 2


@fault()
def test_resubmitted_while_it_runs(site: Site) -> None:
    with site.nodes(1) as nodes:
        run = site.submit(site.spec(nodes, budget={"steps": 30}), env=site.environment(SLOW))
        run.step(2)
        told = run.resubmit(env=site.environment(SLOW))
        assert told.code == 1 and "TS952" in told.err and "two jobs would write into one folder" in told.err
        assert run.over("done")["submission"] == 1
        assert run.steps() == list(range(1, 31))


@fault()
def test_credentials_that_do_not_hold(site: Site) -> None:
    """No munge on the login node, and one with another cluster's key: nothing can be asked, and nothing is sent."""
    conf = site.folder / "slurm.conf"
    text = site.lab.slurm_conf.read_text("utf-8")
    own = re.search(r"^AuthInfo=socket=([^,\s]+)", text, re.MULTILINE)
    assert own is not None
    folder = site.folder / "munge"
    folder.mkdir(mode=0o755)
    conf.write_text(text.replace(own[1], str(folder / "socket")), "utf-8")
    env = site.environment(SLURM_CONF=str(conf))

    def told(words: str) -> None:
        said = site.refused(site.spec([]), env=env)
        assert "TS931" in said and words in said, said

    told("Munge encode failed")
    told("log in anew")
    key = folder / "key"
    key.touch(0o600)
    key.write_bytes(b"another cluster's".ljust(1024, b"."))
    parts = [f"--{each}={folder / each}" for each in ("socket", "pid-file", "log-file", "seed-file")]
    munged = subprocess.Popen(["munged", "--foreground", "--force", f"--key-file={key}", *parts])
    try:
        site.until((folder / "socket").exists, "munged")
        told("Zero Bytes were transmitted")
        told("another cluster's munge key")
    finally:
        munged.terminate()
        munged.wait(10)


def test_slurmctld_restarts_while_a_run_is_submitted(site: Site) -> None:
    mark = site.folder / "mark"
    wait = f'touch {mark}.begun; while [ ! -e {mark}.go ]; do sleep 0.1; done; exec "$REAL" "$@"'
    with site.lab.alone() as nodes:
        env = site.environment(PATH=site.wrapper("sbatch", wait))
        words = ("submit", str(site.spec(nodes[:1])), "--slurm", *FORCED, "--format", "json")
        process = site.start(*words, env=env)
        site.until(mark.with_name("mark.begun").exists, "sbatch")
        with site.lab.outage("slurmctld"):
            mark.with_name("mark.go").touch()
            time.sleep(2)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, (out, err)
        run = Run(site, Path(json.loads(out)["folder"]))
        assert run.over("done")["step"] == 6
        assert jobs_named(site, run.id) == [run.job]
        assert site.lab.leftovers(nodes, seconds=15) == []


def test_slurmctld_is_down(site: Site) -> None:
    with site.lab.alone() as nodes:
        run = site.submit(site.spec(nodes[:1], budget={"steps": 90}), env=site.environment(SLOW))
        run.step(3)
        with site.lab.outage("slurmctld"):
            began = time.monotonic()
            said = site.refused(site.spec([]))
            assert "TS931" in said and "controller does not answer" in said
            assert time.monotonic() - began < 45
            now = run.status()
            assert now["state"] == "running"
            assert now["silent"] or now["notes"], "whose word it is"
        assert run.over("done")["step"] == 90
        assert run.steps() == list(range(1, 91))
        assert site.lab.leftovers(nodes, seconds=15) == []


def test_slurmdbd_is_down(site: Site) -> None:
    with site.lab.alone() as nodes:
        with site.lab.outage("slurmdbd"):
            run = site.submit(site.spec(nodes[:1]))
            site.until(lambda: run.events("ended"), "its end")
            assert run.over("done")["exit_code"] == 0
        assert run.over("done")["source"] == "slurm"
        site.until(lambda: run.slurm() == ["COMPLETED 0:0"], "accounting has it after all", 60)
        assert site.lab.leftovers(nodes, seconds=15) == []
