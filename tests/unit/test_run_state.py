"""The state of a run: tables of (events, Slurm's words) → state, and files in any condition."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from run_folders import BORN, Folder, step_line
from toolspec.backends.launch.attempts import gpu_hours
from toolspec.backends.launch.look import look, unasked
from toolspec.backends.launch.process import Life, boot_id, started
from toolspec.backends.launch.runs import read_run
from toolspec.backends.launch.slurm.ask import Job, Words, read_sacct, read_squeue
from toolspec.backends.launch.state import State, state_of
from toolspec.backends.launch.verdict import settled

DATA = Path(__file__).resolve().parents[1] / "data" / "slurm-22.05"
RECORDED = {
    key: job
    for name, read in (("squeue-early", read_squeue), ("sacct", read_sacct), ("squeue", read_squeue))
    for key, job in read((DATA / f"{name}.txt").read_text("utf-8")).items()
}
ID = "exp-7f3a1b"
JOB = "81234"
NOW = BORN + 3600
Filled = Callable[[Folder], object]


def job(state: str, **fields: object) -> Job:
    """Slurm's word on the run's job, by squeue unless `source` says otherwise."""
    said: dict[str, object] = {
        "id": JOB, "state": state, "by": "", "code": 0, "signal": 0, "submitted": BORN, "started": None, "ended": None,
        "nodes": "", "reason": "", "name": ID, "restarts": 0, "earlier": (), "source": "squeue",
    }  # fmt: skip
    return Job(**{**said, **fields})  # type: ignore[arg-type]


def words(*jobs: Job, accounting: str = "", queue: str = "") -> Words:
    return Words({each.id: each for each in jobs}, accounting, queue, NOW)


NONE = words()
DOWN = words(accounting="sacct did not answer within 10 s", queue="squeue did not answer within 10 s")


def state(tmp_path: Path, fill: Filled, said: Words, now: float = NOW, life: Life | None = None) -> State:
    folder = Folder(tmp_path, ID)
    fill(folder)
    return state_of(read_run(folder.path), said, life, now)


def submitted(run: Folder) -> Folder:
    return run.submit(JOB)


def running(run: Folder) -> Folder:
    return submitted(run).began()


def starting(run: Folder) -> Folder:
    return submitted(run).event("began", nodes=["n1", "n2"], gpus=8, resumed_from=None)


def failed(run: Folder) -> Folder:
    return running(run).ended(1, "error", message="ValueError: no", fix="say yes", step=7)


def timed_out(run: Folder) -> Folder:
    return running(run).ended(
        124, "time-limit", message="time limit", next_="requeue", why="goes on from step 100"
    )


def done(run: Folder) -> Folder:
    return running(run).ended(0, "done", step=290)


def killed(run: Folder) -> Folder:
    return running(run).ended(137, "killed", message="ended by signal 9")


def cancelled(run: Folder) -> Folder:
    return running(run).event("cancelled", host="login")


REQUEUED = job("REQUEUED", submitted=BORN, started=BORN + 1, ended=BORN + 60, source="sacct", restarts=None)
AGAIN = {"restarts": 1, "submitted": BORN + 60, "earlier": (REQUEUED,)}

# name, what the files say, what Slurm says, the phase, and words of the reason
TABLE: tuple[tuple[str, Filled, Words, str, str], ...] = (
    ("waits", submitted, words(job("PENDING", reason="Priority")), "pending", "higher priority"),
    ("waits for ever", submitted, words(job("PENDING", reason="PartitionTimeLimit")), "pending", "never begins"),
    ("held", submitted, words(job("PENDING", reason="JobHeldUser")), "pending", "held"),
    ("nodes boot", submitted, words(job("CONFIGURING")), "starting", "made ready"),
    ("begun, no word yet", submitted, words(job("RUNNING", started=BORN)), "starting", "its job has begun"),
    ("Ray comes up", starting, words(job("RUNNING", started=BORN)), "starting", "Ray"),
    ("runs", running, words(job("RUNNING", started=BORN)), "running", ""),
    ("suspended", running, words(job("SUSPENDED", started=BORN)), "running", "suspended"),
    ("told to end", lambda r: running(r).event("ending", why="time limit"), words(job("RUNNING")), "ending",
     "time limit"),
    ("clears up", running, words(job("COMPLETING", started=BORN)), "ending", "clearing up"),
    ("ended, job not yet", failed, words(job("RUNNING", started=BORN)), "failed", "ValueError"),
    ("will be queued", timed_out, words(job("RUNNING", started=BORN)), "ending", "queued again"),
    ("queued again", timed_out, words(job("PENDING", reason="BeginTime", **AGAIN)), "requeued", "time limit"),
    ("by hand, no word", running, words(job("PENDING", reason="BeginTime", **AGAIN)), "requeued", "queued again"),
    ("queued again and held", running, words(job("PENDING", reason="job requeued in held state", **AGAIN)),
     "requeued", "held"),
    ("runs again, no word yet", timed_out, words(job("RUNNING", **AGAIN)), "starting", "begun"),
    ("runs again", lambda r: timed_out(r).began(restart=1), words(job("RUNNING", **AGAIN)), "running", ""),
    ("runs again, sacct alone", lambda r: timed_out(r).began(restart=1),
     words(job("RUNNING", source="sacct", **{**AGAIN, "restarts": None}), queue="down"), "running", ""),
    ("done", done, words(job("COMPLETED")), "done", ""),
    ("done without a word", running, words(job("COMPLETED")), "done", ""),
    ("a requeue that Slurm refused", timed_out, words(job("COMPLETED")), "failed", "goes on from"),
    ("an error", failed, words(job("FAILED", code=1)), "failed", "ValueError: no"),
    ("an error before a word", submitted, words(job("FAILED", code=7)), "failed", "exit code 7"),
    ("killed before a word", submitted, words(job("FAILED", signal=9)), "failed", "signal 9"),
    ("time is over", running, words(job("TIMEOUT")), "failed", "time limit"),
    ("time is over, killed", killed, words(job("TIMEOUT")), "failed", "time limit"),
    ("no host memory", killed, words(job("OUT_OF_MEMORY")), "failed", "host memory"),
    ("no GPU memory", lambda r: running(r).ended(1, "gpu-memory", message="CUDA out of memory", fix="less"),
     words(job("OUT_OF_MEMORY")), "failed", "CUDA out of memory"),
    ("node lost, not queued", running, words(job("NODE_FAIL")), "failed", "node"),
    ("preempted, not queued", running, words(job("PREEMPTED")), "failed", "higher priority"),
    ("preempted and queued", lambda r: running(r).ended(143, "preempted", message="preempted"),
     words(job("PENDING", reason="BeginTime", **AGAIN)), "requeued", "preempted"),
    ("no boot", submitted, words(job("BOOT_FAIL")), "failed", "booted"),
    ("deadline", submitted, words(job("DEADLINE")), "failed", "deadline"),
    ("cancelled by us", cancelled, words(job("CANCELLED", by="0", started=BORN)), "cancelled", "toolspec cancel"),
    ("cancelled by another", running, words(job("CANCELLED", by="1003", started=BORN)), "cancelled", "user id 1003"),
    ("cancelled before it began", submitted, words(job("CANCELLED", by="0")), "cancelled", "before it began"),
    ("failed, then cleared away", failed, words(job("CANCELLED", by="0", started=BORN)), "failed", "ValueError"),
    ("cancelled, and Slurm says failed", lambda r: cancelled(r).ended(143, "signal", message="SIGTERM"),
     words(job("FAILED", code=143)), "cancelled", "toolspec cancel"),
    ("done before the cancel came", lambda r: done(r).event("cancelled", host="login"),
     words(job("CANCELLED", by="0", started=BORN)), "done", ""),
    # the job is purged, or accounting is off
    ("purged, done", done, NONE, "done", ""),
    ("purged, failed", failed, NONE, "failed", "ValueError"),
    ("purged, cancelled", cancelled, NONE, "cancelled", "toolspec cancel"),
    ("purged, no end written", running, NONE, "lost", "never wrote its end"),
    ("purged, never begun", submitted, NONE, "lost", "nothing of it has begun"),
    ("purged, was to go on", timed_out, NONE, "lost", "to be queued again"),
    ("accounting lags", running, words(job("RUNNING", source="sacct")), "lost", "no such job"),
    ("accounting lags, squeue is silent", running,
     words(job("PENDING", source="sacct", restarts=None), queue="squeue did not answer within 10 s"), "running", ""),
    ("accounting lags, end written", done, words(job("RUNNING", source="sacct")), "done", ""),
    # Slurm does not answer
    ("down, waits", submitted, DOWN, "pending", ""),
    ("down, runs", running, DOWN, "running", ""),
    ("down, done", done, DOWN, "done", ""),
    ("down, queued again", timed_out, DOWN, "requeued", "time limit"),
    ("down, preempted", lambda r: running(r).ended(143, "preempted", message="preempted"), DOWN, "requeued", "decides"),
    # submissions
    ("never submitted", lambda r: r, NONE, "unsubmitted", ""),
    ("no job written down", lambda r: r.submit(None), NONE, "lost", "broken off"),
    ("submitted again", lambda r: failed(r).submit("81300", 2, BORN + 500).began(2),
     words(job("FAILED", code=1), job("RUNNING", id="81300")), "running", ""),
    ("submitted again, waits", lambda r: failed(r).submit("81300", 2, BORN + 500),
     words(job("PENDING", id="81300", reason="Resources")), "pending", "nodes to come free"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("fill", "said", "phase", "why"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_states(tmp_path: Path, fill: Filled, said: Words, phase: str, why: str) -> None:
    found = state(tmp_path, fill, said)
    assert (found.phase, why in found.why) == (phase, True), found


# Slurm's own words of a real cluster, to a run that waits or runs by its files.
REAL = (
    ("1", running, "done", ""),
    ("2", running, "failed", "exit code 7"),
    ("3", running, "failed", "signal 9"),
    ("4", running, "cancelled", "user id 0"),
    ("5", running, "failed", "time limit"),
    ("6", submitted, "pending", "never begins"),
    ("7", submitted, "pending", "more nodes"),
    ("8", submitted, "cancelled", "before it began"),
    ("9_5", submitted, "cancelled", "before it began"),
    ("10", submitted, "pending", "held"),
    ("11", submitted, "pending", "never begin"),
    ("12", submitted, "pending", "a time that was set"),
    ("16", running, "requeued", "held"),
    ("19", running, "starting", "begun"),
    ("21_1", running, "failed", "exit code 1"),
    ("30", running, "failed", "node"),
    ("31", submitted, "requeued", "could not start it"),
)


@pytest.mark.parametrize(("number", "fill", "phase", "why"), REAL, ids=[row[0] for row in REAL])
def test_states_by_recorded_words(tmp_path: Path, number: str, fill: Filled, phase: str, why: str) -> None:
    recorded = RECORDED[number]._replace(id=JOB, name=ID)
    found = state(tmp_path, fill, words(recorded))
    assert (found.phase, why in found.why) == (phase, True), found


def test_a_fix_comes_with_what_can_be_mended(tmp_path: Path) -> None:
    found = state(tmp_path, submitted, words(job("PENDING", reason="JobHeldUser")))
    assert found.fix == f"scontrol release {JOB}"
    assert state(tmp_path / "b", failed, words(job("FAILED", code=1))).fix == "say yes"
    assert "memory" in state(tmp_path / "c", killed, words(job("OUT_OF_MEMORY"))).fix


def test_how_old_the_news_is_where_slurm_is_down(tmp_path: Path) -> None:
    found = state(tmp_path, running, DOWN)
    assert found.source == "files" and "squeue did not answer within 10 s" in found.silent
    assert found.news == BORN + 3, "the newest event"
    assert not state(tmp_path / "b", done, DOWN).silent, "what is over needs no word of Slurm's"


def test_a_job_that_was_just_submitted_is_not_lost(tmp_path: Path) -> None:
    found = state(tmp_path, submitted, NONE, now=BORN + 5)
    assert (found.phase, found.why) == ("pending", "Slurm does not show it yet")


@pytest.mark.parametrize("before", [True, False])
def test_rows_of_another_job_of_that_number_are_not_this_runs(tmp_path: Path, before: bool) -> None:
    """Accounting outlives a cluster whose numbers begin anew: `sacct -D` then has both jobs."""
    other = {"name": "other-123456", "submitted": BORN + (-1 if before else 1) * 9e6, "source": "sacct"}
    own = job("CANCELLED", by="5", started=BORN + 2, ended=BORN + 50, source="sacct")
    foreign = job("FAILED" if before else "RUNNING", started=BORN, ended=BORN + 9e5, **other)
    rows = (foreign, own) if before else (own, foreign)
    found = state(tmp_path, running, words(rows[1]._replace(earlier=rows[:1])))
    assert (found.phase, found.restarts, len(found.attempts)) == ("cancelled", 0, 1), found


def test_the_job_of_another_user_that_slurm_hides_is_not_lost(tmp_path: Path) -> None:
    folder = Folder(tmp_path, ID).submit(JOB, user="ada").began()
    found = state_of(read_run(folder.path), NONE, None, NOW, me="bob")
    assert found.phase == "running" and "is ada's" in found.notes[0]
    assert state_of(read_run(folder.path), NONE, None, NOW, me="ada").phase == "lost"


def test_a_job_of_that_number_in_another_cluster_is_not_this_run(tmp_path: Path) -> None:
    other = job("RUNNING", name="other-123456", submitted=BORN + 86400)
    found = state(tmp_path, running, words(other))
    assert found.phase == "lost" and "another one (other-123456)" in found.notes[0]
    assert state(tmp_path / "b", done, words(other)).phase == "done"
    # One that bears another name and was submitted in the same second is the run's: job.sbatch, by hand.
    assert state(tmp_path / "c", running, words(job("RUNNING", name="exp"))).phase == "running"


def test_clocks_hours_apart_do_not_change_the_order(tmp_path: Path) -> None:
    """Restart 1 ran on a node whose clock is 5 hours behind, and was set back while it ran."""
    folder = timed_out(Folder(tmp_path, ID))
    assert isinstance(folder, Folder)
    folder.began(restart=1, at=BORN - 18000, resumed_from=100)
    folder.ended(0, "done", restart=1, at=BORN - 18500)
    run = read_run(folder.path)
    assert [(e.restart, e.kind) for e in run.events][-4:] == [
        (1, "began"),
        (1, "cluster"),
        (1, "started"),
        (1, "ended"),
    ]
    found = state_of(run, NONE, None, NOW)
    assert (found.phase, found.restarts, found.code) == ("done", 1, 0)
    assert gpu_hours(run, found.attempts, NOW, False) < 1, "an end before its beginning counts as none"


def test_attempts_that_wrote_nothing_are_slurms(tmp_path: Path) -> None:
    """A node died twice: Slurm has rows for what no event was written of."""
    recorded = RECORDED["19"]
    rows = read_sacct((DATA / "sacct.txt").read_text("utf-8"))["19"]
    earlier = tuple(row._replace(name=ID) for row in rows.earlier)
    found = state(tmp_path, submitted, words(recorded._replace(id=JOB, name=ID, earlier=earlier)))
    assert [(each.restart, each.lost) for each in found.attempts] == [
        (0, "PREEMPTED"),
        (1, "NODE_FAIL"),
        (2, ""),
    ]
    assert found.restarts == 2


def test_an_earlier_job_that_still_runs_is_said(tmp_path: Path) -> None:
    found = state(
        tmp_path,
        lambda run: running(run).submit("81300", 2, BORN + 500),
        words(job("RUNNING"), job("PENDING", id="81300", reason="Priority")),
    )
    assert found.phase == "pending" and found.also == (JOB,)
    assert found.notes == (f"job {JOB} of an earlier submission is RUNNING too",)


class Asked:
    """In the place of Slurm: what was asked for."""

    def __call__(self, ids: Iterable[str]) -> Words:
        self.ids = sorted(ids)
        return NONE


def test_a_run_that_wrote_its_end_need_not_be_asked_for(tmp_path: Path) -> None:
    for number, (fill, expected) in enumerate(
        ((done, True), (failed, True), (timed_out, False), (killed, False))
    ):
        folder = Folder(tmp_path / str(number), ID)
        fill(folder)
        assert settled(read_run(folder.path)) == expected
        asker = Asked()
        look([folder.path], asker)
        assert asker.ids == ([] if expected else [JOB])


LIVES: tuple[tuple[Filled, Life, str], ...] = (
    (running, "alive", "running"),
    (submitted, "alive", "starting"),
    (running, "gone", "failed"),
    (done, "gone", "done"),
    (failed, "gone", "failed"),
    (cancelled, "gone", "cancelled"),
    (cancelled, "alive", "ending"),
    (running, "left", "running"),
    (cancelled, "left", "ending"),
    (running, "restarted", "failed"),
    (running, "elsewhere", "running"),
)


@pytest.mark.parametrize(("fill", "life", "phase"), LIVES)
def test_local_states(tmp_path: Path, fill: Filled, life: Life, phase: str) -> None:
    def locally(run: Folder) -> None:
        fill(run)
        run.submit(None, kind="local", pid=77, pid_started=1, boot="b", host="here")

    found = state(tmp_path, locally, NONE, life=life)
    assert found.phase == phase, found
    assert ("cannot be seen from here" in " ".join(found.notes)) == (life == "elsewhere")


def test_a_process_that_has_the_number_now_is_another(tmp_path: Path) -> None:
    own = started(os.getpid())
    for number, began, phase in ((0, own, "running"), (1, (own or 0) + 1, "failed")):
        folder = running(Folder(tmp_path / str(number), ID))
        host = socket.gethostname()
        folder.submit(None, kind="local", pid=os.getpid(), pid_started=began, boot=boot_id(), host=host)
        assert look([folder.path], unasked)[0].state.phase == phase


def test_events_of_another_run_do_not_count(tmp_path: Path) -> None:
    folder = running(Folder(tmp_path, ID))
    file = next((folder.path / "events").glob("*-started-*"))
    ended = {
        **json.loads(file.read_text("utf-8")),
        "kind": "ended",
        "nonce": "ffffffff",
        "code": 1,
        "next": "stop",
    }
    (folder.path / "events" / file.name.replace("started", "ended")).write_text(json.dumps(ended), "utf-8")
    run = read_run(folder.path)
    assert state_of(run, words(job("RUNNING")), None, NOW).phase == "running"
    assert "another run" in run.faults[0]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with everything: two submissions, restarts, logs, records, checkpoints."""
    place = tmp_path_factory.mktemp("full")
    folder = timed_out(Folder(place, ID, sweep={"id": "s-1", "point": "p", "values": {"a": 1}}))
    assert isinstance(folder, Folder)
    folder.began(restart=1).ended(1, "error", restart=1, message="x").log(step_line(3, 0.5)).submit(
        "81300", 2
    ).began(2)
    folder.log(step_line(4, 0.75), 2)
    record = {"split": "train", "step": 4, "metrics": {"acc": 1.0, "task_success": 1.0}}
    folder.write("trajectories/h-1-2-0000.jsonl", json.dumps(record) + "\n")
    folder.write("checkpoints/global_step_2/actor/x", "")
    folder.write("checkpoints/latest_checkpointed_iteration.txt", "2")
    return folder.path


SAID = (NONE, DOWN, words(job("RUNNING", **AGAIN), job("PENDING", id="81300")), words(job("FAILED", code=1)))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    damage=st.sampled_from(["cut", "gone", "bytes", "json"]),
    number=st.integers(0, 3),
)
@pytest.mark.slow
def test_no_damage_to_the_files_raises(
    full: Path, tmp_path: Path, seed: int, damage: str, number: int
) -> None:
    """Any file cut anywhere, missing, with other bytes or other JSON: a state, and every command's page of it."""
    from toolspec.backends.launch.checkpoints import checkpoints
    from toolspec.cli.run_detail import detail
    from toolspec.cli.run_rows import document, table

    draw = random.Random(seed)
    copy = tmp_path / "copy" / ID
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(full, copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    for file in draw.sample(files, draw.randint(1, len(files))):
        data = file.read_bytes()
        if damage == "gone":
            file.unlink()
        elif damage == "cut":
            file.write_bytes(data[: draw.randint(0, len(data))])
        elif damage == "bytes":
            at = draw.randint(0, max(0, len(data) - 1))
            file.write_bytes(data[:at] + draw.randbytes(draw.randint(1, 8)) + data[at + 1 :])
        else:
            values: list[object] = [
                None,
                True,
                -1,
                1e400,
                float("nan"),
                10**30,
                "\0\x1b]0;x\x07",
                [],
                {},
                [[1]],
                "9" * 5000,
            ]
            try:
                said = json.loads(data)
            except ValueError:
                said = None
            if isinstance(said, dict):
                for key in draw.sample(sorted(said), draw.randint(1, len(said))):
                    said[key] = draw.choice(values)
            file.write_text(json.dumps(said if isinstance(said, dict) else draw.choice(values)), "utf-8")
    (looked,) = look([copy], lambda _: SAID[number])
    page = "\n".join([*table([looked], NOW), *detail(looked, checkpoints(looked.run), NOW)])
    assert "\x1b]" not in page and "\0" not in page
    json.dumps(document(looked, NOW), allow_nan=False)
