"""What Slurm prints, read: outputs of a real 22.05, and commands that fail, hang, or are not there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolspec.backends.launch.slurm.ask import Job, ask, read_sacct, read_squeue, tasks
from toolspec.backends.launch.slurm.reasons import REASONS, meaning

DATA = Path(__file__).resolve().parents[1] / "data" / "slurm-22.05"
SACCT = (DATA / "sacct.txt").read_text("utf-8")
SQUEUE = (DATA / "squeue.txt").read_text("utf-8")
EARLY = (DATA / "squeue-early.txt").read_text("utf-8")


class Slurm:
    """`sacct` and `squeue` that print a file, and write down how they were called."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        self.says("sacct", "")
        self.says("squeue", "")

    def says(self, name: str, text: str, code: int = 0, error: str = "", seconds: float = 0) -> None:
        (self.folder / f"{name}.txt").write_text(text, "utf-8")
        (self.folder / f"{name}.err").write_text(error, "utf-8")
        script = self.folder / name
        lines = (
            "#!/bin/sh",
            f'echo "$*" "SQUEUE_STATES=$SQUEUE_STATES" >> "{self.folder}/{name}.called"',
            f"sleep {seconds}" if seconds else ":",
            f'cat "{self.folder}/{name}.txt"; cat "{self.folder}/{name}.err" >&2; exit {code}',
        )
        script.write_text("\n".join(lines) + "\n", "utf-8")
        script.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        file = self.folder / f"{name}.called"
        return file.read_text("utf-8").splitlines() if file.exists() else []


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    return Slurm(tmp_path, monkeypatch)


def test_sacct_has_every_attempt_of_a_job() -> None:
    jobs = read_sacct(SACCT)
    assert {
        key: (job.state, job.code, job.signal)
        for key, job in jobs.items()
        if key in ("1", "2", "3", "4", "5")
    } == {
        "1": ("COMPLETED", 0, 0),
        "2": ("FAILED", 7, 0),
        "3": ("FAILED", 0, 9),
        "4": ("CANCELLED", 0, 0),
        "5": ("TIMEOUT", 0, 0),
    }
    assert jobs["4"].by == "0"
    assert [each.state for each in (*jobs["19"].earlier, jobs["19"])] == ["PREEMPTED", "NODE_FAIL", "RUNNING"]
    assert [each.started for each in (*jobs["19"].earlier, jobs["19"])] == [
        1795684514,
        1795684523,
        1795684609,
    ]
    assert {f"9_{task}" for task in range(8)} <= set(jobs), "an array that never began is one row"
    assert (jobs["21_1"].state, jobs["21_7"].state) == ("FAILED", "COMPLETED")
    assert jobs["6"].nodes == "" and jobs["6"].started is None


def test_squeue_has_the_reason_the_start_and_the_restarts() -> None:
    jobs = read_squeue(EARLY)
    assert (jobs["8"].reason, jobs["8"].started) == ("Resources", 1795685069)
    assert (jobs["2"].code, jobs["3"].signal) == (7, 9), "a wait status, as in wait(2)"
    assert (jobs["16"].restarts, jobs["16"].reason) == (1, "BeginTime")
    assert jobs["29"].reason == "ReqNodeNotAvail, UnavailableNodes:n3"
    assert read_squeue(SQUEUE)["31"].reason == "launch failed requeued held"
    assert jobs["4"].ended == 1795685069, "of one that runs: when its time is over"


def test_at_most_two_calls_and_squeue_for_what_is_not_over(
    slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUEUE_STATES", "SUSPENDED")  # a user's own setting must not change the answer
    slurm.says("sacct", SACCT)
    slurm.says("squeue", SQUEUE)
    words = ask(["1", "2", "19", "31", "9_3", "21_1", "10", "4711"])
    (sacct,), (squeue,) = slurm.calls("sacct"), slurm.calls("squeue")
    assert sacct.split()[-2].split(",") == ["1", "10", "19", "2", "21", "31", "4711", "9"]
    assert squeue.split()[-2].split(",") == ["10", "19", "31", "4711"], "and none that is over"
    assert squeue.endswith("SQUEUE_STATES=")
    assert "4711" not in words.jobs and words.knows_all()
    assert words.jobs["19"].restarts == 2, "squeue counts"
    assert [each.state for each in words.jobs["19"].earlier] == ["PREEMPTED", "NODE_FAIL"], "sacct remembers"
    assert (words.jobs["31"].reason, len(words.jobs["31"].earlier)) == ("launch failed requeued held", 1)
    assert words.jobs["10"].reason == "JobHeldUser", "a job that sacct does not have"
    assert words.jobs["1"].source == "sacct"


def test_nothing_is_asked_for_nothing(slurm: Slurm) -> None:
    assert ask([]).jobs == {}
    assert slurm.calls("sacct") + slurm.calls("squeue") == []


def test_accounting_off_leaves_squeue(slurm: Slurm) -> None:
    slurm.says("sacct", "", 1, "Slurm accounting storage is disabled\n")
    slurm.says("squeue", SQUEUE)
    words = ask(["13", "19"])
    assert words.accounting == "sacct: Slurm accounting storage is disabled" and not words.queue
    assert (words.jobs["13"].state, words.jobs["19"].state) == ("TIMEOUT", "RUNNING")


def test_a_job_that_squeue_does_not_know_is_no_silence(slurm: Slurm) -> None:
    slurm.says("squeue", "", 1, "slurm_load_jobs error: Invalid job id specified\n")
    words = ask(["1"])
    assert words.knows_all() and not words.jobs


def test_a_slurm_that_hangs_or_is_down_is_said_within_the_limit(slurm: Slurm) -> None:
    slurm.says("sacct", SACCT, seconds=30)
    down = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    slurm.says("squeue", "", 1, f"{down}\n")
    begin = time.monotonic()
    words = ask(["1"], limit=0.3)
    assert time.monotonic() - begin < 10
    assert words.accounting == "sacct did not answer within 0.3 s"
    assert (
        words.queue == "squeue: slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    )
    assert not words.knows_all()


def test_a_machine_without_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    words = ask(["1"])
    assert (words.accounting, words.queue) == (
        "sacct is not on this machine",
        "squeue is not on this machine",
    )


@pytest.mark.parametrize(
    ("ids", "named"),
    [
        ("81234", ["81234"]),
        ("81240_3", ["81240_3"]),
        ("9_[0-2,5%2]", ["9_0", "9_1", "9_2", "9_5"]),
        ("9_[0-6:3]", ["9_0", "9_3", "9_6"]),
        ("9_[4]", ["9_4"]),
    ],
)
def test_arrays_by_their_tasks(ids: str, named: list[str]) -> None:
    assert tasks(ids) == named


def test_a_range_without_end_is_bounded() -> None:
    assert len(tasks("9_[0-999999999]")) == 100_000


@given(st.text(alphabet="|\n0123456789_[]-%,:. RUNIGCALED\x1b", max_size=300))
def test_whatever_is_printed_is_read(text: str) -> None:
    for jobs in (read_sacct(text), read_squeue(text)):
        assert all(isinstance(job, Job) for job in jobs.values())


@given(st.integers(0, len(SACCT)), st.integers(0, len(SQUEUE)))
def test_a_cut_answer_says_nothing_wrong(a: int, b: int) -> None:
    """What whole lines say stays; the cut one has too few cells, or a job's name that is shorter."""
    whole = read_sacct(SACCT)
    for key, job in read_sacct(SACCT[:a]).items():
        assert job.state in {each.state for each in (*whole[key].earlier, whole[key])}
    for key, job in read_squeue(SQUEUE[:b]).items():
        assert job.state == read_squeue(SQUEUE)[key].state


def test_every_reason_of_the_recorded_jobs_has_words() -> None:
    for job in [*read_squeue(EARLY).values(), *read_squeue(SQUEUE).values()]:
        assert not meaning(job.reason).words.startswith("Slurm's reason"), job.reason


@pytest.mark.parametrize(
    ("reason", "words", "never"),
    [
        ("QOSMaxGRESPerUser", "the limit of its QOS for one user is reached (GPUs)", False),
        ("QOSGrpNodeLimit", "all that may run under its QOS at once is running (nodes)", False),
        (
            "AssocGrpCPUMinutesLimit",
            "all that may run under its account or user at once is running (CPU minutes)",
            False,
        ),
        (
            "QOSMaxNodePerJobLimit",
            "it asks for more than its QOS allows a job (nodes), so it never begins",
            True,
        ),
        (
            "QOSMaxWallDurationPerJobLimit",
            "it asks for more than its QOS allows a job (time), so it never begins",
            True,
        ),
        ("AssocMaxJobsLimit", "the limit of its account or user is reached (running jobs)", False),
        ("QOSMinGRES", "it asks for less than its QOS takes (GPUs)", True),
        (
            "ReqNodeNotAvail, UnavailableNodes:n3",
            "nodes that it needs are down, drained or reserved (n3)",
            False,
        ),
        ("SomethingNew", "Slurm's reason: SomethingNew", False),
        ("", "Slurm has not looked at it yet", False),
    ],
)
def test_reasons_in_words(reason: str, words: str, never: bool) -> None:
    assert (meaning(reason).words, meaning(reason).never) == (words, never)


def test_what_never_begins_has_a_way_out() -> None:
    assert [name for name, told in REASONS.items() if told.never and not told.fix] == []
